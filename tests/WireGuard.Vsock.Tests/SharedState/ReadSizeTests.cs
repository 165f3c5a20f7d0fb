using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class ReadSizeTests
{
    private ReadSize _size = new();

    [Fact]
    public void Many_packets_make_the_next_read_shorter()
    {
        _size.HasRead(ReadSize.Most, packets: 4_096);
        Assert.Equal(4_096, _size.Bytes);
        _size.HasRead(4_096, packets: 64);
        Assert.Equal(4_096, _size.Bytes);
        _size.HasRead(4_096, packets: 4_096);
        Assert.Equal(4_096, _size.Bytes);
    }

    [Fact]
    public void Few_packets_in_a_full_read_make_it_longer_again()
    {
        _size.HasRead(ReadSize.Most, packets: 4_096);
        for (int reads = 0; reads < 6; reads++)
            _size.HasRead(_size.Bytes, packets: 1);
        Assert.Equal(ReadSize.Most, _size.Bytes);
        _size.HasRead(ReadSize.Most, packets: 4);
        Assert.Equal(ReadSize.Most, _size.Bytes);
    }

    [Fact]
    public void A_read_of_all_there_was_says_nothing_of_the_next()
    {
        _size.HasRead(ReadSize.Most, packets: 4_096);
        _size.HasRead(100, packets: 1);
        Assert.Equal(4_096, _size.Bytes);
    }
}
