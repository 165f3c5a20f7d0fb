#!/usr/bin/perl
# narrow_relay.pl LISTEN ADDRESS PORT LONGEST: relays framed WireGuard messages between connections, and drops those that are longer,
# as a path with a datagram on it does. It says a line for each connection (called), frame that it drops (dropped), and transport
# message whose frame has a checksum of its header alone (short).
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use IO::Select;
require "$FindBin::Bin/frame.pl";

my ($listen, $address, $port, $longest) = @ARGV;
$| = 1;
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalPort => $listen, Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
while (my $caller = $listener->accept) {
    print "called\n";
    if (fork) { close $caller; next }
    close $listener;
    serve($caller, IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port) // die "connect: $!\n");
    exit;
}

sub serve {
    my ($caller, $far) = @_;
    my %to = ($caller => $far, $far => $caller);
    my %pending = ($caller => '', $far => '');
    my $all = IO::Select->new($caller, $far);
    while (1) {
        for my $from ($all->can_read) {
            sysread $from, $pending{$from}, 262144, length $pending{$from} or return;
            my $passed = '';
            # u16 LE length | u32 LE checksum | message, whose first byte is its type
            while (length $pending{$from} >= 6 and length $pending{$from} >= 6 + unpack('v', $pending{$from})) {
                my $frame = substr $pending{$from}, 0, 6 + unpack('v', $pending{$from}), '';
                my ($length, $checksum, $type) = unpack 'v V C', $frame;
                print "short\n" if $type == 4 and crc32(substr $frame, 6, 16) == $checksum;
                if ($length > $longest) { print "dropped\n" }
                else                    { $passed .= $frame }
            }
            while (length $passed) { substr $passed, 0, syswrite($to{$from}, $passed) // return, '' }
        }
    }
}
