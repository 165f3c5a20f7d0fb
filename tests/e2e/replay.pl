#!/usr/bin/perl
# replay.pl SECONDS BURST tcp|udp ADDRESS PORT: an unauthenticated sender of others' messages, for some seconds or until SIGTERM.
#
# It reads them from standard input, a line of hexadecimal digits each, and sends BURST of them every 0.2 s, each in its turn:
# with udp from one socket, with tcp as frames on four connections, which are dialled anew when they are closed.
#
# Prints how many it sent, and how many cookie replies came back. There must be no other answer.
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno;
require(($0 =~ m{(.*)/})[0] . '/frame.pl');

my ($seconds, $burst, $network, $address, $port) = @ARGV;
my $is_tcp   = $network eq 'tcp';
my $end      = time + $seconds;
my $there    = pack_sockaddr_in($port, inet_aton($address));
my @messages = map { chomp; my $m = pack("H*", $_); $is_tcp ? frame($m) : $m } <STDIN>;
my $reply    = $is_tcp ? 70 : 64;    # bytes of a cookie reply
my ($sent, $replies, $turn) = (0, 0, 0);
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { $end = 0 };
die "nothing to send\n" unless @messages;

# A connection, or what stands for one: the socket, and what it has received so far.
sub dial {
    socket(my $s, AF_INET, $is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!\n";
    connect($s, $there) or die "connect: $!\n";
    fcntl($s, F_SETFL, O_NONBLOCK);
    return { socket => $s, received => '' };
}

# Counts the cookie replies. False when the connection is closed.
sub hear {
    my $c = shift;
    while (1) {
        my $n = sysread($c->{socket}, $c->{received}, 65536, length $c->{received});
        return $!{EAGAIN} unless defined $n;
        return 0 if $is_tcp && $n == 0;
        while (length $c->{received} >= $reply) {
            my $message = substr($c->{received}, 0, $reply, '');
            my $type = unpack("V", substr($message, $reply - 64));
            die "an unauthenticated sender was sent a message of type $type\n" unless $type == 3;
            $replies++;
        }
    }
}

my @open = map { dial() } 1 .. ($is_tcp ? 4 : 1);
while (time < $end) {
    for (1 .. $burst) {
        my $message = $messages[$turn % @messages];
        my $n = syswrite($open[$turn++ % @open]{socket}, $message);
        next unless defined $n;
        die "half a frame was sent\n" if $n < length $message;
        $sent++;
    }
    select undef, undef, undef, 0.2;
    for my $c (@open) { $c = dial() unless hear($c) }
}
hear($_) for @open;
print "$sent $replies\n";
