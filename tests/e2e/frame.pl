# The stream frame (docs/protocol.md), for the unauthenticated senders of the end-to-end tests.
use strict;
use warnings;

my @crc_table = map {
    my $c = $_;
    $c = $c & 1 ? ($c >> 1) ^ 0xEDB88320 : $c >> 1 for 1 .. 8;
    $c
} 0 .. 255;

sub crc32 {
    my $c = 0xFFFFFFFF;
    $c = ($c >> 8) ^ $crc_table[($c ^ $_) & 255] for unpack("C*", shift);
    return $c ^ 0xFFFFFFFF;
}

sub frame { my $m = shift; pack("v V", length $m, crc32($m)) . $m }

1;
