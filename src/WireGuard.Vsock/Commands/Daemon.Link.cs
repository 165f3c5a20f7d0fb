using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>What follows from the state of the interface: its MTU, up, down, and its end.</summary>
internal sealed partial class Daemon
{
    private void FollowLink(LinkEvents events)
    {
        StopUnless((events & LinkEvents.Deleted) == 0, "the interface was removed");
        if ((events & LinkEvents.MtuChanged) != 0)
        {
            SetMtu(_link.Mtu);
            Log.MtuChanged(_log, _link.Mtu);
        }

        if ((events & LinkEvents.OutOfSight) != 0)
            Log.LinkOutOfSight(_log);
        if ((events & LinkEvents.Down) != 0)
            BringDown();
        if ((events & LinkEvents.Up) != 0)
            BringUp();
    }

    private void SetMtu(int mtu)
    {
        _device.SetMtu(mtu);
        if (mtu > _kind.LargestPacket)
            Log.MtuTooLarge(_log, mtu, _kind.LargestPacket);
    }

    private void BringUp()
    {
        if (_device.IsUp)
            return;
        _device.IsUp = true;
        _network.SetMark(_device.FirewallMark);
        Log.InterfaceUp(_log);
        _configurator.Listen();
    }

    private void BringDown()
    {
        if (!_device.IsUp)
            return;
        _device.IsUp = false;
        _device.EndSessions();
        foreach (Peer peer in _device.Peers.Values)
            peer.CountDropped(peer.Staged.Clear());
        _network.Close();
        foreach (Peer peer in _device.Peers.Values)
        {
            peer.Hindrance = null;
            _sessions.Schedule(peer);
        }

        Log.InterfaceDown(_log);
    }
}
