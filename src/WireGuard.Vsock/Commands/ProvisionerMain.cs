using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The process of a <see cref="Provisioner"/>: `up` starts it, which a variable tells. It confines itself before it is given a
/// key, and ends with the socket to `up`.
/// </summary>
internal static class ProvisionerMain
{
    /// <summary>Whether this process is to be a provisioner.</summary>
    public static bool IsMeant => Supervisor.Socket is not null && Environs.Get(ProvisionerChild.Variable) is not null;

    /// <summary>Gives the exit code.</summary>
    public static int Run()
    {
        // A service manager sends signals to all processes of a service: they are meant for `up`.
        StopSignals.IgnoreAll();
        _ = Sys.SignalAtParentsEnd(Libc.SIGKILL);
        _ = Sys.ChangeDirectory("/"); // not to keep a file system busy
        using EventLoop loop = new();
        NitroSecureModule module = new();
        using Provisioner provisioner = new(loop, Supervisor.Socket!.Fd, module, needs => Confine(needs, module));
        try
        {
            while (!provisioner.IsOver)
                loop.RunOnce(-1);
            return 0;
        }
        catch (Exception e)
        {
            Log.ProvisioningFailed(provisioner, e);
            return 1;
        }
    }

    private static SandboxReport Confine(ProvisionerNeeds needs, NitroSecureModule module)
    {
        if (!CryptoLibrary.IsAvailable(out string reason))
            throw new SetupException(reason);
        bool Has(ProvisionerNeeds need) => (needs & need) != 0;
        List<int> families = [];
        if (Has(ProvisionerNeeds.IP))
            families.AddRange([Libc.AF_INET, Libc.AF_INET6]);
        if (Has(ProvisionerNeeds.Vsock))
            families.Add(Libc.AF_VSOCK);
        if (Has(ProvisionerNeeds.Unix))
            families.Add(Libc.AF_UNIX);
        bool isOn = !Has(ProvisionerNeeds.Unconfined);
        if (isOn)
            Confinement.Conceal();
        if (Has(ProvisionerNeeds.SecureModule))
            module.Open();
        Confinement confinement = Confinement.Begin(
            new SandboxNeeds(SandboxRole.Provisioner)
            {
                Families = families,
                SetsMark = Has(ProvisionerNeeds.IP),
                BindsLowPorts = Has(ProvisionerNeeds.LowPort),
                EntersOthersFolders = Has(ProvisionerNeeds.Unix),
                ReadPaths = Has(ProvisionerNeeds.IP) ? NameFiles.All : [],
                Ioctls = Has(ProvisionerNeeds.SecureModule) ? [(uint)Libc.NSM_IOCTL_RAW] : [],
            },
            Needs.Unconfined(isOn));
        return confinement.Complete();
    }
}
