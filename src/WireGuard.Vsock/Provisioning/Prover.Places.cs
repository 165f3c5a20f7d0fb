using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>Where a prover listens, and which connection goes first: to be closed, or to be answered.</summary>
internal sealed partial class Prover
{
    /// <summary>Of <see cref="ProverDrop"/>, in its order.</summary>
    private static readonly string[] s_words =
        ["malformed", "displaced", "replayed", "with a wrong mac", "refused", "without a document", "superseded", "late"];

    /// <summary>Connections in that stage; those that are over count as silent ones: nothing more is to come on them.</summary>
    private int Count(ProverStage stage, UInt128? source = null)
    {
        int count = 0;
        foreach (ProverExchange connection in _connections)
        {
            bool isOfSource = source is null || connection.Source == source;
            count += connection.Place == stage && isOfSource ? 1 : 0;
        }

        return count;
    }

    /// <summary>The one whose place is needed first: not expected, then of the source that has most, then the oldest.</summary>
    private ProverExchange? Least(ProverStage stage)
    {
        ProverExchange? least = null;
        int most = 0;
        foreach (ProverExchange connection in _connections)
        {
            if (connection.Place != stage)
                continue;
            int count = Count(stage, connection.Source);
            bool isLess = connection.IsExpected == least?.IsExpected ? count > most : !connection.IsExpected;
            if (least is null || isLess)
                (least, most) = (connection, count);
        }

        return least;
    }

    /// <summary>The one to answer first: expected, then of the source that was answered least of late, then the oldest.</summary>
    private ProverExchange? Next()
    {
        ProverExchange? next = null;
        int fewest = 0;
        foreach (ProverExchange connection in _connections)
        {
            if (connection.Stage != ProverStage.Waiting)
                continue;
            int answers = 0;
            foreach (UInt128 source in _answered)
                answers += source == connection.Source ? 1 : 0;
            bool isNearer = connection.IsExpected == next?.IsExpected ? answers < fewest : connection.IsExpected;
            if (next is null || isNearer)
                (next, fewest) = (connection, answers);
        }

        return next;
    }

    private void Listen(TransportAddress at)
    {
        try
        {
            _acceptor.Replace(Open(at));
        }
        catch (LinuxException refused)
        {
            throw new SetupException($"cannot listen for verifiers on {at}: {refused.Message}");
        }
    }

    private static List<int> Open(TransportAddress at)
    {
        List<int> opened = [];
        try
        {
            bool isAny = at.Network != NetworkKind.Vsock && at.Host.Length == 0;
            if (isAny)
                opened.Add(StreamSocket.Listen(EndpointAddress.Any(isIPv6: false, (ushort)at.Port), mark: 0));
            _ = at.TryResolved(out EndpointAddress local);
            AddUnlessMissing(opened, local, isOptional: isAny);
            return opened;
        }
        catch
        {
            opened.ForEach(Sys.Close);
            throw;
        }
    }

    /// <summary>A kernel without IPv6 still has IPv4.</summary>
    private static void AddUnlessMissing(List<int> opened, EndpointAddress local, bool isOptional)
    {
        try
        {
            opened.Add(StreamSocket.Listen(local, mark: 0));
        }
        catch (LinuxException missing)
            when (isOptional && missing.Errno is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
        }
    }

    /// <summary>How many were dropped, and why.</summary>
    internal long Dropped(ProverDrop why) => _drops[(int)why];

    /// <summary>Closes a connection that has come to nothing; all are counted, and told now and then.</summary>
    private void Drop(ProverExchange connection, ProverDrop why)
    {
        _drops[(int)why]++;
        Close(connection);
        if (!IsTimeFor(ref _dropsReportedMs, DropsReportMs))
            return;
        string text = "";
        for (int i = 0; i < _drops.Length; i++)
            text += _drops[i] == 0 ? "" : $", {_drops[i]} {s_words[i]}";
        Log.ProvisioningDrops(_log, text[2..]);
    }

    private void OnTime(ProverExchange connection)
    {
        if (connection.Stage == ProverStage.Over)
            Close(connection);
        else
            Drop(connection, ProverDrop.Late);
    }

    private void Close(ProverExchange connection)
    {
        _loop.Cancel(connection.Deadline);
        connection.Stream.Dispose();
        _connections.Remove(connection);
    }

    private bool CloseForDescriptor()
    {
        ProverExchange? least = Least(ProverStage.Silent);
        if (least is not null)
            Drop(least, ProverDrop.Displaced);
        return least is not null;
    }

    private bool IsTimeFor(ref long reportedMs, int everyMs)
    {
        if (_loop.NowMs - reportedMs < everyMs)
            return false;
        reportedMs = _loop.NowMs;
        return true;
    }
}
