#!/usr/bin/perl
# frames.pl COUNT: well-formed frames of all kinds and lengths, the first one alone of an initiation, since those are limited; of the
# transport messages every other one has a checksum of its header alone. frames.pl COUNT length|type|checksum|garbage: a bad one.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/frame.pl";

my ($count, $bad) = @ARGV;
my @handshakes = ([2, 92], [3, 64]);
open my $random, '<', '/dev/urandom' or die;
sub message {
    my ($type, $length) = @_;
    read $random, my $bytes, $length - 4;
    return pack('V', $type) . $bytes;
}

if ($bad) {
    my $message = message(4, 64);
    print $bad eq 'length' ? pack('v V', 31, 0) . $message
      : $bad eq 'type'     ? frame(message(7, 64))
      : $bad eq 'checksum' ? pack('v V', 64, crc32($message) ^ 1) . $message
      :                      message(4, 4096);
    exit;
}

for my $i (0 .. $count - 1) {
    # The sum over a long one takes perl a while.
    if    ($i == 0)     { print frame(message(1, 148)) }
    elsif ($i % 7 == 0) { print frame(message(@{ $handshakes[$i / 7 % 2] })) }
    elsif ($i % 2)      { my $m = message(4, 32 + int rand($i % 20 ? 1500 : 65_499)); print pack('v V', length $m, crc32(substr $m, 0, 16)) . $m }
    else                { print frame(message(4, 32 + int rand 1500)) }
}
