using System.Globalization;
using System.Text;
using CsCheck;
using WireGuard.Vsock.Metrics;

namespace WireGuard.Vsock.Tests.Metrics;

/// <summary>The form: https://prometheus.io/docs/instrumenting/exposition_formats/, "Text-based format".</summary>
public sealed class MetricsTextTests
{
    private readonly MetricsText _text = new();

    private string Written => Encoding.UTF8.GetString(_text.Written);

    [Fact]
    public void A_family_has_its_head_once_and_then_its_samples()
    {
        _text.Begin("a_bytes_total"u8, MetricsType.Counter, "Bytes of it."u8);
        _text.Label("interface"u8, "wg0").LabelBase64("public_key"u8, new byte[32]).Value(3);
        _text.Label("interface"u8, "wg1").Label("lane"u8, 12).Value(long.MaxValue);
        _text.Begin("b_seconds"u8, MetricsType.Gauge, "Seconds."u8);
        _text.Seconds(1_500_000);
        Assert.Equal(
            $$"""
            # HELP a_bytes_total Bytes of it.
            # TYPE a_bytes_total counter
            a_bytes_total{interface="wg0",public_key="{{Convert.ToBase64String(new byte[32])}}"} 3
            a_bytes_total{interface="wg1",lane="12"} 9223372036854775807
            # HELP b_seconds Seconds.
            # TYPE b_seconds gauge
            b_seconds 1.500000

            """,
            Written);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("a\"b", "a\\\"b")]
    [InlineData("a\\b", "a\\\\b")]
    [InlineData("a\nb", "a\\nb")]
    [InlineData("a{}, =é𝄞", "a{}, =é𝄞")]
    public void A_labels_value_is_escaped(string value, string escaped)
    {
        _text.Begin("a"u8, MetricsType.Gauge, "."u8);
        _text.Cut(0);
        _text.Label("l"u8, value).Value(0);
        Assert.Equal($"a{{l=\"{escaped}\"}} 0\n", Written);
    }

    [Theory]
    [InlineData(0, "0.000000")]
    [InlineData(1, "0.000001")]
    [InlineData(1_500_000, "1.500000")]
    [InlineData(long.MaxValue, "9223372036854.775807")]
    public void Seconds_are_written_to_the_microsecond(long microseconds, string written)
    {
        _text.Begin("a"u8, MetricsType.Gauge, "."u8);
        _text.Cut(0);
        _text.Seconds(microseconds);
        Assert.Equal($"a {written}\n", Written);
    }

    [Fact]
    public void What_is_cut_is_written_over()
    {
        _text.Append("head"u8);
        _text.Append("rest"u8);
        _text.Cut(4);
        _text.Append("!"u8);
        Assert.Equal("head!", Written);
    }

    /// <summary>The steady state allocates nothing: neither keys nor numbers become strings.</summary>
    [Fact]
    public void Samples_allocate_nothing()
    {
        byte[] key = new byte[32];
        void Write()
        {
            _text.Cut(0);
            _text.Begin("a_total"u8, MetricsType.Counter, "Of a peer."u8);
            for (int i = 0; i < 100; i++)
                _text.Label("interface"u8, "wg0").LabelBase64("public_key"u8, key).Label("lane"u8, i).Value(i);
            _text.Label("interface"u8, "wg0").Seconds(250_000);
        }

        Write();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Write();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Any_labels_and_value_are_read_back() => Gen.Select(Gen.String.Array[0, 4], Gen.Long).Sample((values, number) =>
    {
        MetricsText text = new();
        text.Begin("a"u8, MetricsType.Gauge, "."u8);
        text.Cut(0);
        foreach (string value in values)
            text.Label("l"u8, value);
        text.Value(number);
        string line = Encoding.UTF8.GetString(text.Written);
        (List<string> labels, string rest) = ReadBack(line);
        Assert.Equal(values.Select(Valid), labels);
        Assert.Equal(number, long.Parse(rest, CultureInfo.InvariantCulture));
    });

    /// <summary>Without what UTF-8 cannot say.</summary>
    private static string Valid(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static (List<string> Labels, string Value) ReadBack(string line)
    {
        List<string> labels = [];
        int i = 1;
        while (i < line.Length && line[i] is '{' or ',')
        {
            i += "{l=\"".Length;
            StringBuilder value = new();
            for (; line[i] != '"'; i++)
                value.Append(line[i] != '\\' ? line[i] : line[++i] == 'n' ? '\n' : line[i]);
            labels.Add(value.ToString());
            i++;
        }

        if (labels.Count != 0)
            Assert.Equal('}', line[i++]);
        Assert.Equal((' ', '\n'), (line[i], line[^1]));
        return (labels, line[(i + 1)..^1]);
    }
}
