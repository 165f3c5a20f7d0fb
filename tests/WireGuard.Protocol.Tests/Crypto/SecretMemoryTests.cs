using System.Globalization;
using System.Runtime.CompilerServices;
using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>The pages that secrets are in, as the kernel tells of them, and who gets which place when.</summary>
[Collection(Alone.Name)]
public sealed unsafe class SecretMemoryTests
{
    [Fact]
    public void Secrets_are_locked_and_neither_dumped_nor_inherited()
    {
        using var secret = new Secret();
        Mapping mapping = Mapping.Of(AddressOf(secret));
        Assert.StartsWith("rw-p", mapping.Rights, StringComparison.Ordinal);
        Assert.Contains("dd", mapping.Flags);
        Assert.Contains("wf", mapping.Flags);
        if (SecretMemory.Unlocked == 0)
            Assert.Contains("lo", mapping.Flags);
    }

    [Fact]
    public void Pages_before_and_behind_cannot_be_touched()
    {
        using var secret = new Secret();
        Mapping mapping = Mapping.Of(AddressOf(secret));
        Assert.StartsWith("---p", Mapping.Of(mapping.Start - 1).Rights, StringComparison.Ordinal);
        Assert.StartsWith("---p", Mapping.Of(mapping.End).Rights, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_every_kind_are_there()
    {
        using var key = PrivateKey.Generate();
        using var preshared = new PresharedKey(Bytes(1, 32));
        using var other = PrivateKey.Generate();
        using var remote = new RemoteIdentity(other.PublicKey, key);
        foreach (nint address in (nint[])[AddressOf(key.Bytes), AddressOf(preshared.Bytes), AddressOf(remote.StaticStatic)])
            Assert.Contains("wf", Mapping.Of(address).Flags);
    }

    [Fact]
    public void Place_is_wiped_when_it_is_given_back()
    {
        using var neighbour = new Secret(); // its arena stays
        var secret = Secret.CopyOf(Bytes(0xA5, 32));
        byte* place = (byte*)AddressOf(secret);
        secret.Dispose();
        Assert.DoesNotContain((byte)0xA5, new Span<byte>(place, 32).ToArray());
    }

    [Fact]
    public void New_secret_is_zeros()
    {
        for (int i = 0; i < 100; i++)
        {
            using var secret = new Secret(64);
            Assert.DoesNotContain(secret.Bytes.ToArray(), b => b != 0);
            secret.Bytes.Fill(0xFF);
        }
    }

    [Fact]
    public void Disposed_secret_cannot_be_read_and_is_given_back_once()
    {
        var secret = new Secret();
        secret.Dispose();
        using var next = Secret.CopyOf(Bytes(7, 32)); // may have its place
        secret.Dispose();
        secret.Wipe();
        Assert.Throws<ObjectDisposedException>(() => secret.Bytes.Length);
        Assert.Equal(Bytes(7, 32), next.Bytes.ToArray());
    }

    [Fact]
    public void Place_of_a_keypair_that_is_wiped_under_other_threads_is_nobody_elses_before_they_let_go()
    {
        using var other = new Secret(); // not the first of its arena
        var state = default(SymmetricState);
        var keypair = Keypair.Derive(ref state, isInitiator: true, 1, 2, nowMs: 1);
        keypair.Wipe();
        var later = new List<Secret>();
        for (int i = 0; i < 5_000; i++)
            later.Add(Secret.CopyOf(Bytes(0xEE, 32)));
        using var aead = new Aead();
        Assert.False(keypair.TrySeal(aead, new byte[TransportMessage.MinSize], 1));
        Assert.All(later, secret => Assert.Equal(0xEE, secret.Bytes[31]));
        later.ForEach(secret => secret.Dispose());
        GC.KeepAlive(keypair);
    }

    [Fact]
    public void Secret_that_was_dropped_is_given_back()
    {
        long before = SecretMemory.Size;
        for (int round = 0; round < 20; round++)
        {
            Drop(2_000);
            for (int i = 0; i < 3; i++) // it takes two collections more than others
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        // 40,000 of them would take 1.2 MiB.
        Assert.InRange(SecretMemory.Size, 0, before + (512 * 1024));
    }

    [Fact]
    public void Ten_thousand_keys_take_little_more_than_their_length_and_give_it_back()
    {
        long before = SecretMemory.Size;
        Secret[] secrets = [.. Enumerable.Range(0, 10_000).Select(_ => new Secret(64))];
        Assert.InRange(SecretMemory.Size - before, 0, 10_000 * 64 + (256 * 1024));
        Array.ForEach(secrets, secret => secret.Dispose());
        Assert.InRange(SecretMemory.Size, 0, before + (256 * 1024));
    }

    [Fact]
    public void No_two_secrets_share_a_byte() =>
        Gen.Int[1, 2048].Array[1, 100].Sample(sizes =>
        {
            var secrets = new List<Secret>();
            for (int i = 0; i < sizes.Length; i++)
            {
                var secret = new Secret(sizes[i]);
                secret.Bytes.Fill((byte)(i + 1));
                secrets.Add(secret);
                if (i % 3 == 2)
                {
                    secrets[i - 1].Dispose();
                    secrets[i - 1] = new Secret(sizes[i - 2]);
                    secrets[i - 1].Bytes.Fill((byte)i);
                }
            }

            for (int i = 0; i < secrets.Count; i++)
            {
                Assert.Equal(-1, secrets[i].Bytes.IndexOfAnyExcept((byte)(i + 1)));
                secrets[i].Dispose();
            }
        });

    [Fact]
    public void Threads_rent_and_return_at_the_same_time() => Parallel.For(0, 4, thread =>
    {
        var random = new Random(thread);
        var held = new Queue<(Secret Secret, byte Mark)>();
        for (int i = 0; i < 20_000; i++)
        {
            var secret = new Secret(32 * random.Next(1, 5));
            byte mark = (byte)random.Next(1, 256);
            secret.Bytes.Fill(mark);
            held.Enqueue((secret, mark));
            if (held.Count < random.Next(200))
                continue;
            (Secret oldest, byte its) = held.Dequeue();
            Assert.Equal(-1, oldest.Bytes.IndexOfAnyExcept(its));
            oldest.Dispose();
        }

        foreach ((Secret secret, _) in held)
            secret.Dispose();
    });

    [Fact]
    public void Peer_without_a_session_holds_one_key()
    {
        const int Peers = 3_000;
        using var device = new WireGuardDevice<WireGuardPeer>(PrivateKey.Generate());
        byte[] key = Bytes(9, PublicKey.Size);
        int added = 0;
        void AddPeer()
        {
            (key[0], key[1], key[2]) = ((byte)added, (byte)(added >> 8), (byte)(added >> 16));
            device.Add(new WireGuardPeer(new PublicKey(key)));
            added++;
        }

        // The places that earlier tests have given back are taken first.
        for (long first = SecretMemory.Size; SecretMemory.Size == first && added < 50_000;)
            AddPeer();
        long before = SecretMemory.Size;
        for (int i = 0; i < Peers; i++)
            AddPeer();
        Assert.InRange(SecretMemory.Size - before, Peers * 32 - (64 * 1024), Peers * 32 + (64 * 1024));
    }

    private static byte[] Bytes(byte value, int count)
    {
        byte[] bytes = new byte[count];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(int count)
    {
        for (int i = 0; i < count; i++)
            new Secret().Bytes.Fill(1);
    }

    private static nint AddressOf(Secret secret) => AddressOf(secret.Bytes);

    private static nint AddressOf(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* place = bytes)
            return (nint)place;
    }

    /// <summary>An entry of /proc/self/smaps.</summary>
    private sealed record Mapping(nint Start, nint End, string Rights, string[] Flags)
    {
        public static Mapping Of(nint address)
        {
            Mapping? found = null;
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words[0] == "VmFlags:" && found is not null)
                    return found with { Flags = words[1..] };
                if (words[0].Split('-') is not [var start, var end] || words[0].EndsWith(':'))
                    continue;
                var mapping = new Mapping(Hex(start), Hex(end), words[1], []);
                found = mapping.Start <= address && address < mapping.End ? mapping : null;
            }

            throw new InvalidOperationException("The address is in no mapping.");
        }

        private static nint Hex(string digits) => nint.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
