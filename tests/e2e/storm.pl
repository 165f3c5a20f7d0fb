#!/usr/bin/perl
# storm.pl CONNECTIONS SECONDS ADDRESS PORT: sends messages of others over TCP, on each of so many connections as fast as they are taken.
# It reads the messages from standard input, a line of hexadecimal digits each. A connection that is closed is dialled again.
use strict;
use warnings;
use Socket;
require(($0 =~ m{(.*)/})[0] . '/frame.pl');

my ($connections, $seconds, $address, $port) = @ARGV;
my $end    = time + $seconds;
my $frames = join '', map { chomp; frame(pack("H*", $_)) } <STDIN>;
die "nothing to send\n" unless length $frames;
$frames x= 1 + int(65536 / length $frames);
$SIG{PIPE} = 'IGNORE';

sub send_all {
    socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    connect($s, pack_sockaddr_in($port, inet_aton($address))) or return;
    while (time < $end) {
        for (my $sent = 0 ; $sent < length $frames ;) {
            $sent += syswrite($s, $frames, length($frames) - $sent, $sent) // return;
        }
        # Answers are of no interest, but a connection that does not read them would be closed.
        my $answers;
        do { recv($s, $answers = '', 65536, MSG_DONTWAIT) } while length $answers;
    }
}

my @children;
for (1 .. $connections) {
    my $child = fork // die "fork: $!\n";
    if (!$child) {
        while (time < $end) { send_all(); select undef, undef, undef, 0.01 }
        exit;
    }
    push @children, $child;
}
$SIG{TERM} = sub { kill 'TERM', @children };
1 while wait != -1;
