using WireGuard.Protocol;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>An index names its keypair or nothing, never another's, at any time; freed, it names nothing.</summary>
internal sealed class IndexScenario : Scenario
{
    private const int Keys = 4;

    private IndexTable<object> _table = new();
    private readonly object[] _owners = [.. Enumerable.Range(0, Keys).Select(_ => new object())];
    private readonly uint[] _indices = new uint[Keys];
    private readonly Keypair?[] _bound = new Keypair?[Keys];

    public override string Name => "index table: a keypair or nothing, never another's";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        _table = new IndexTable<object>();
        Array.Clear(_indices);
        foreach (Keypair? keypair in _bound)
            keypair?.Dispose();
        Array.Clear(_bound);
    }

    public override void Run(int thread, Random random)
    {
        for (int i = 0; i < 12; i++)
        {
            int key = random.Next(Keys);
            if (thread == 2)
                Change(key);
            else
                LookUp(key);
            Interleaving.Point();
        }
    }

    public override void Check()
    {
        for (int i = 0; i < Keys; i++)
        {
            bool isFound = _table.TryFind(_indices[i], out object? owner, out Keypair? keypair);
            Require(isFound == (_indices[i] != 0), "an index that was freed names something, or one that was given out nothing");
            Require(!isFound || (owner == _owners[i] && keypair == _bound[i]), "an index names another's");
            if (isFound)
                _table.Free(_indices[i]);
        }

        Require(_table.Count == 0, $"{_table.Count} indices are left over");
        for (int i = 0; i < Keys; i++)
            Require(!_table.TryFindReceiver((uint)(i + 1), out _), "a receiver is left over");
    }

    private void Change(int key)
    {
        if (_indices[key] == 0)
        {
            uint index = _table.Allocate(_owners[key]);
            Volatile.Write(ref _indices[key], index);
        }
        else if (_bound[key] is null)
        {
            Keypair keypair = Keypairs.Make(Keypairs.NextNumber(), isInitiator: true, _indices[key], (uint)(key + 1));
            _table.Bind(_owners[key], keypair);
            _bound[key] = keypair;
        }
        else
        {
            uint index = _indices[key];
            Volatile.Write(ref _indices[key], 0);
            _table.Free(index);
            Require(!_table.TryFind(index, out _, out _), "a freed index names something");
            _bound[key]!.Dispose();
            _bound[key] = null;
        }
    }

    private void LookUp(int key)
    {
        uint index = Volatile.Read(ref _indices[key]);
        Interleaving.Point();
        if (index != 0 && _table.TryFind(index, out object? owner, out Keypair? keypair))
        {
            Require(owner == _owners[key], "an index names another's peer");
            Require(keypair is null || (keypair.LocalIndex == index && keypair.RemoteIndex == key + 1), "another's keypair");
        }

        if (_table.TryFindReceiver((uint)(key + 1), out object? receiver))
            Require(receiver == _owners[key], "a receiver's index names another's peer");
    }
}
