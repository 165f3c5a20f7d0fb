#!/usr/bin/perl
# A relay of framed WireGuard messages to a port of this machine's own address, that does harm:
#
#   tampering_relay.pl close LISTEN ADDRESS PORT           ends each connection as soon as the far end has answered on it
#   tampering_relay.pl withhold LISTEN ADDRESS PORT COUNT  once the caller has sent that many transport messages, it withholds the next one, and
#                                                delivers it on a connection of its own, which it keeps
#
# It says a line for each connection (called), and, of its own one, when it was made (delivered), how many frames came back on it
# (came back), and when the far end has closed it (closed).
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

my ($mode, $listen, $address, $port, $count) = @ARGV;
$| = 1;
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalPort => $listen, Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
while (my $caller = $listener->accept) {
    print "called\n";
    if (fork) { close $caller; next }
    close $listener;
    serve($caller);
    exit;
}

sub far { IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port) or die "connect: $!\n" }

sub serve {
    my ($caller) = @_;
    my $far = far();
    my ($own, $pending, $seen, $back) = (undef, '', 0, 0);
    my $all = IO::Select->new($caller, $far);
    while (1) {
        for my $ready ($all->can_read) {
            my $got = sysread $ready, my $bytes, 65536;
            if (defined $own and $ready == $own) {
                if ($got) { print "came back: ", $back += $got, "\n"; next }
                print "closed\n";
                $all->remove($own);
                close $own;
                undef $own;
                next;
            }
            return unless $got;
            if ($ready == $far) {
                syswrite $caller, $bytes;
                return if $mode eq 'close' and select(undef, undef, undef, 0.05) == 0;
                next;
            }
            $pending .= $bytes;
            # u16 LE length | u32 LE checksum | message, whose first byte is its type
            while (length $pending >= 6 and length $pending >= 6 + unpack('v', $pending)) {
                my $frame = substr $pending, 0, 6 + unpack('v', $pending), '';
                if ($mode eq 'withhold' and unpack('x6 C', $frame) == 4 and ++$seen == $count + 1) {
                    $own = far();
                    syswrite $own, $frame;
                    $all->add($own);
                    print "delivered\n";
                }
                else { syswrite $far, $frame }
            }
        }
    }
}
