using WireGuard.Vsock.Metrics;

namespace WireGuard.Vsock.Config;

/// <summary>What a key of a configuration file means, for the help. Plain texts in ASCII, without line breaks.</summary>
/// <param name="Key">As it is written.</param>
/// <param name="Value">The form of its value.</param>
/// <param name="Meaning">In sentences.</param>
internal sealed record KeyMeaning(string Key, string Value, string Meaning)
{
    /// <summary>All that the reader knows, in the order of the man page.</summary>
    public static IReadOnlyList<KeyMeaning> OfInterface { get; } =
    [
        new(ConfigKeys.PrivateKey, "KEY|generate", "The private key, in base64. generate makes a new one at each up: it is "
            + "never written anywhere, and the public key is printed. Without a key PostUp must set one."),
        new(ConfigKeys.PrivateKeyFile, "FILE", "Instead of PrivateKey: the file that holds it."),
        new(ConfigKeys.Address, "ADDRESS[/LENGTH], ...", "IPv4 and IPv6 addresses of the interface. May be given more than "
            + "once."),
        new(ConfigKeys.ListenPort, "PORT", "Where to listen: a port of the network. Chosen by itself if not given. Over "
            + "unix it is the host's port that guests connect to: for each peer whose Endpoint is unix:PATH:PORT, a socket at "
            + "PATH_ and this port, which gets PATH's owner and group."),
        new(ConfigKeys.Network, "vsock|tcp|tcp4|tcp6|udp|udp4|udp6|unix", "What the messages travel over; vsock if not given. "
            + "Over udp the peer may run any other WireGuard. unix is for the host of Firecracker and Cloud Hypervisor, where a "
            + "Unix socket stands for the VSOCK of each guest; the guest uses vsock."),
        new(ConfigKeys.Provision, "nitro|unattested", "For an enclave: verifiers are answered with a document of the Nitro "
            + "Secure Module, which tells what runs here and which public key it has; the one that accepts it becomes a "
            + "peer, and what it offers (address, MTU, DNS) fills what this file leaves open. Over vsock, and over TCP where "
            + "Network is of IP. unattested answers without a document, which proves nothing: for trying out."),
        new(ConfigKeys.ProvisionFrom, "KEY, ...|first", "Required with Provision: the public keys of the verifiers that may "
            + "become peers, or first: the first that completes the exchange, and no other until the process ends. May be "
            + "given more than once."),
        new(ConfigKeys.ProvisionPort, "PORT", "Where verifiers are answered; the port behind ListenPort if not given."),
        new(ConfigKeys.Mtu, "BYTES", "The interface's MTU. If not given: 1420 over vsock, unix and tcp; over udp 80 less than "
            + "that of the path to the endpoints."),
        new(ConfigKeys.Dns, "SERVER|DOMAIN, ...", "Servers' IP addresses and search domains, given to resolvconf(8) where it is "
            + "in PATH, else written to /etc/resolv.conf, which down restores if it is still as up left it. Domains without a "
            + "server do nothing; ~DOMAIN needs resolvconf."),
        new(ConfigKeys.Table, "auto|off|NUMBER", "The routing table for the routes to all AllowedIPs. auto, the default, is the "
            + "main table, and for default routes a table of their own, with policy rules and a firewall mark. off makes no "
            + "routes."),
        new(ConfigKeys.FwMark, "MARK|off", "The firewall mark of the messages, decimal or 0x and hexadecimal; off or 0 for "
            + "none. With a default route it is also the number of its table. Messages over vsock and unix carry none."),
        new(ConfigKeys.PreUp, "COMMAND", "Run before the interface is made. This and the three below may be given more than "
            + "once; %i stands for the interface's name. They are run by bash, or by sh where there is no bash."),
        new(ConfigKeys.PostUp, "COMMAND", "Run when the tunnel is up."),
        new(ConfigKeys.PreDown, "COMMAND", "Run before the tunnel is taken down."),
        new(ConfigKeys.PostDown, "COMMAND", "Run when the interface is gone."),
        new(ConfigKeys.Streams, "NUMBER", "Over vsock, unix and tcp, up to that many parallel connections to a peer whose "
            + "endpoint is dialled, 1 to 8; one per processor if not given."),
        new(ConfigKeys.Superpackets, "on|off", "Whether peers that run wireguard-vsock get many packets in one message; on if "
            + "not given."),
        new(ConfigKeys.SocketGroup, "GROUP", "The group of the control socket, a name or a number. Its members may do with "
            + "wg(8) all that root may: read the private key, and set what they like."),
        new(ConfigKeys.SocketMode, "MODE", "The control socket's mode; 660 if a group is named, else 700."),
        new(ConfigKeys.Metrics, "ADDRESS", $"Serve metrics for Prometheus at {MetricsAddress.Forms}. Every client there learns "
            + "which peers there are and when they talk; over vsock that is this machine's host."),
        new(ConfigKeys.MetricsAllowedIps, "on|off", "Whether metrics have a peer's allowed IPs as a label; off if not given."),
        new(ConfigKeys.Sandbox, "on|off", "Whether the daemon gives up, once it is ready, all that it does not need of the "
            + "system; on if not given."),
        new(ConfigKeys.SaveConfig, "true|false", "Read for wg-quick's sake. The file is never written: true is warned of."),
    ];

    /// <summary>Likewise.</summary>
    public static IReadOnlyList<KeyMeaning> OfPeer { get; } =
    [
        new(ConfigKeys.PublicKey, "KEY", "The peer's public key, in base64. Each peer must have one, or Attest."),
        new(ConfigKeys.PresharedKey, "KEY", "A key that both ends have in secret, besides."),
        new(ConfigKeys.PresharedKeyFile, "FILE", "Instead of PresharedKey: the file that holds it."),
        new(ConfigKeys.AllowedIps, "ADDRESS[/LENGTH], ...", "What the peer may send from and what is sent to it; also where "
            + "routes lead. May be given more than once."),
        new(ConfigKeys.Endpoint, "ADDRESS:PORT", "Where to reach the peer. Over vsock CID:PORT, as 3:51820, vm(6):51820, "
            + "host(2):51820 or 0.0.0.3:51820; \" to-host\" behind it asks for the host where a machine is host and guest at "
            + "once. Over unix unix:PATH:PORT: the Unix socket of the guest from the root, at most 101 bytes, and the port in "
            + "it, or 0 for a guest that is only to call. Over tcp and udp an IP address (IPv6 in brackets) or a host name, "
            + "which is resolved again when the peer does not answer. Without an endpoint the peer must connect first; over unix "
            + "it can do so only at another peer's PATH."),
        new(ConfigKeys.PersistentKeepalive, "SECONDS|off", "How often an empty message is sent, to keep paths through firewalls "
            + "open; off or 0 for never, which is the default; with Attest over udp it is 25."),
        new(ConfigKeys.Attest, "ADDRESS", "Instead of PublicKey: an enclave that is known by what it runs. Its key is learned "
            + "from its attestation document at up, and again when it does not answer, since it has a new one when it was "
            + "restarted. vsock:CID:PORT, tcp:HOST:PORT or unix:PATH:PORT, with the port of its Provision. It is reached at "
            + "this address and the listening port that it tells, unless there is an Endpoint."),
        new(ConfigKeys.AnyPcr, "HEX", "What the document must say of that PCR: 96 hexadecimal digits, as nitro-cli "
            + "build-enclave prints them. Several lines of one PCR mean any of them. PCR0 measures the image, PCR1 the "
            + "kernel, PCR2 the application, PCR3 the instance's role, PCR4 the instance, PCR8 the certificate that has "
            + "signed the image. One of PCR0, PCR2 and PCR8 is required."),
        new(ConfigKeys.AttestRoot, "FILE", "The root certificate that the document's chain must begin with, in PEM or DER; "
            + "that of AWS if not given. It has to be of a CA that issues nothing but attestation certificates: any other "
            + "holder of a certificate of it could sign documents."),
        new(ConfigKeys.AttestDebug, "yes|no", "Whether a document of an enclave in debug mode is taken, whose PCR0 is zero; "
            + "no if not given."),
        new(ConfigKeys.AttestUnattested, "yes|no", "Whether an answer without a document is taken, which proves nothing; no if "
            + "not given. For trying out."),
        new(ConfigKeys.OfferAddress, "ADDRESS[/LENGTH], ...", "What the enclave is offered as its addresses, at most 16. If "
            + "not given: the single addresses of AllowedIPs, each with the length of the own Address whose network it is "
            + "in. This and the lists below may be given more than once."),
        new(ConfigKeys.OfferAllowedIps, "ADDRESS[/LENGTH], ...", "What the enclave is offered as the AllowedIPs of this end, "
            + "at most 64; the addresses of this interface if not given. 0.0.0.0/0 leads all its traffic here."),
        new(ConfigKeys.OfferMtu, "BYTES", "What the enclave is offered as its MTU."),
        new(ConfigKeys.OfferDns, "SERVER|DOMAIN, ...", "What the enclave is offered as DNS: at most 4 servers and 6 search "
            + "domains."),
    ];

    /// <summary>Likewise, of a relay's file.</summary>
    public static IReadOnlyList<KeyMeaning> OfRelay { get; } =
    [
        new(RelayKeys.Listen, "ADDRESS", "Where to listen: vsock:PORT, tcp:PORT, udp:PORT, tcp:IP:PORT, udp:IP:PORT or "
            + "unix:PATH:PORT. May be given more than once."),
        new(RelayKeys.To, "ADDRESS", "Where all of it goes: vsock:CID:PORT, tcp:HOST:PORT, udp:HOST:PORT or unix:PATH:PORT."),
        new(RelayKeys.Peer, "KEY=ADDRESS", "Instead of To: an enclave by its public key in base64, and where it is, in the forms "
            + "of To. A key ends with = itself, so two stand before the address. May be given more than once."),
        new(RelayKeys.Raw, "on|off", "Whether bytes are carried as they are between streams, for what is not WireGuard; off if "
            + "not given. It needs To, and neither end may be udp."),
    ];

    /// <summary>Likewise.</summary>
    public static IReadOnlyList<KeyMeaning> OfGeneral { get; } =
    [
        new(RelayKeys.MaxConnections, "NUMBER", "How many connections and UDP sources are carried at once; 4096 if not given."),
        new(RelayKeys.MaxPerSource, "NUMBER", "How many of them may be of one source: an IPv4 address, an IPv6 /64, a CID or a "
            + "Unix socket; 1024 if not given."),
        new(RelayKeys.Idle, "SECONDS", "After so long without a message either way they are closed; 300 if not given."),
        new(RelayKeys.Metrics, "ADDRESS", $"Where metrics can be read: {MetricsAddress.Forms}. Nowhere if not given."),
        new(RelayKeys.Sandbox, "on|off", "Whether the relay gives up, once it listens, all that it does not need of the system; "
            + "on if not given. It holds until the relay ends."),
    ];
}
