#!/usr/bin/perl
# garbage_exchanges.pl COUNT EACH-MS ADDRESS PORT: exchanges with a prover that come to nothing, one in so many milliseconds, in
# turn: nothing, random bytes, half a request, one with something behind it, one of another version, lengths that no message has,
# and whole valid requests, whose responses get a confirm with a wrong mac.
#
# Nothing but a whole valid request may be answered, and that by no more than one response. Prints how many exchanges were made,
# and how many were answered.
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno;

my ($count, $each, $address, $port) = @ARGV;
my $there = pack_sockaddr_in($port, inet_aton($address));
$SIG{PIPE} = 'IGNORE';

sub random_bytes { join '', map { chr int rand 256 } 1 .. shift }
sub framed { pack("N/a", shift) }
sub request { "\xa3\x00" . pack("C", shift // 1) . "\x01\x58\x20" . random_bytes(32) . "\x02\x58\x20" . random_bytes(32) }

my @kinds = (
    sub { '' },
    sub { random_bytes(1 + int rand 400) },
    sub { substr(framed(request()), 0, 40) },
    sub { framed(request()) . 'x' },
    sub { framed(request(2)) },
    sub { pack("N", 0) },
    sub { pack("N", 65_536) . request() },
    sub { pack("N", 0xFFFFFFFF) . random_bytes(1_000) },
    sub { "GET / HTTP/1.1\r\nHost: enclave\r\n\r\n" },
    sub { framed(request()) },
);
my $settings = "\xa1\x02\x19\x05\x64";    # { 2: 1380 }
my $confirm  = framed("\xa3\x00\x01\x03$settings\x04\x58\x20" . "\0" x 32);

my @open;               # { socket, kind, received, confirmed }
my ($made, $answered) = (0, 0);

sub look {
    my $c = shift;
    my $n = sysread($c->{socket}, my $bytes, 65_536);
    return 1 if !defined $n && ($!{EAGAIN} || $!{ENOTCONN});
    return 0 unless $n;
    die "an exchange of kind $c->{kind} was answered\n" if $c->{kind} != $#kinds;
    die "a wrong confirm was answered\n" if $c->{confirmed};
    $c->{received} .= $bytes;
    return 1 if length($c->{received}) < 4 + unpack("N", $c->{received} . "\0\0\0\0");
    die "that is no response\n" unless $c->{received} =~ /\A.{4}[\xa3\xa4]\x00\x01\x01\x58\x20/s;
    $answered++;
    $c->{confirmed} = 1;
    syswrite($c->{socket}, $confirm);
    return 1;
}

for my $i (1 .. $count) {
    my $kind = $i % @kinds;
    socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    connect($s, $there) or die "connect: $!\n";
    fcntl($s, F_SETFL, O_NONBLOCK);
    syswrite($s, $kinds[$kind]->());
    $made++;
    push @open, { socket => $s, kind => $kind, received => '', confirmed => 0 };
    select undef, undef, undef, $each / 1000 if $each;
    @open = grep { look($_) } @open;
    shift @open if @open > 50;    # we close the oldest
}

print "$made $answered\n";
