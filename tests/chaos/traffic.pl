#!/usr/bin/perl
# Traffic of which every byte follows from where it stands, so that damage, loss of order and repetition show at the receiver.
#
#   traffic.pl serve PORT FOLDER                              the far end of transfers over TCP
#   traffic.pl transfers ADDRESS PORT FLOW RATE FOLDER        one transfer after the other, up and down in turn, RATE bytes a second,
#                                                             until FOLDER/finish is there, one has ended, and none is under way
#   traffic.pl receive PORT FOLDER NAME                       the far end of flows of datagrams; each second FOLDER/NAME says of each
#                                                             flow how many came, how many came late, and the highest number
#   traffic.pl flows ADDRESS PORT FIRST FLOWS MS FOLDER       so many flows, numbered from FIRST on; each sends a burst of 1 to 8 datagrams
#                                                             every MS milliseconds
#
# What is wrong is a line in FOLDER/violations: INVARIANT, the time, and what was seen. An established connection is never given up: the
# tunnel may go and come back, and TCP waits for it. Only an attempt is repeated, which ends when the far end has answered.
#
# CHAOS_BREAK is a deliberate fault of the sender, between what it makes and its socket: corrupt, reorder or hang.
use strict;
use warnings;
use Errno;
use Fcntl;
use POSIX ();
use Socket;

use constant { BLOCK => 16_384, CONNECT_SECONDS => 5, SOL_SOCKET_RCVBUFFORCE => 33 };
my ($kind, @arguments) = @ARGV;
my $break = $ENV{CHAOS_BREAK} // '';
my $folder;
local $SIG{PIPE} = 'IGNORE';

# The same bytes in every process: perl's generator is its own, not the system's.
srand 7;
my $bytes = join '', map { chr int rand 256 } 1 .. BLOCK + 8192;
srand;

# perl-base has no Time::HiRes. Ticks of the system's clock, 10 ms each.
my $hz = POSIX::sysconf(POSIX::_SC_CLK_TCK());
sub now { (POSIX::times())[0] / $hz }
sub pause { select undef, undef, undef, shift }

sub violation {
    my ($invariant, $text) = @_;
    open my $file, '>>', "$folder/violations" or die "violations: $!\n";
    syswrite $file, "$invariant " . POSIX::strftime('%H:%M:%S', gmtime) . " $text\n";
}

# Whole, for who reads it meanwhile.
sub tell_state {
    my ($name, $text) = @_;
    open my $file, '>', "$folder/$name.new" or return;
    print $file $text;
    close $file;
    rename "$folder/$name.new", "$folder/$name";
}

# ---- transfers ---------------------------------------------------------------------------------------------------------

# Block i of a transfer.
sub block { my ($transfer, $i) = @_; pack('N N', $transfer, $i) . substr($bytes, ($transfer * 31 + $i * 97) % 8192, BLOCK - 8) }

sub read_whole {
    my ($socket, $length) = @_;
    my $got = '';
    while (length $got < $length) {
        my $n = sysread $socket, $got, $length - length $got, length $got;
        next if !defined $n && $!{EINTR};
        return unless $n;
    }
    return $got;
}

sub write_whole {
    my ($socket, $what) = @_;
    for (my $sent = 0 ; $sent < length $what ;) {
        my $n = syswrite $socket, $what, length($what) - $sent, $sent;
        next if !defined $n && $!{EINTR};
        return unless $n;
        $sent += $n;
    }
    return 1;
}

sub send_blocks {
    my ($socket, $transfer, $blocks, $rate) = @_;
    my $began = now();
    for my $i (0 .. $blocks - 1) {
        my $block = block($transfer, $i);
        substr($block, 5000, 1) ^= "\x04" if $break eq 'corrupt' && $i == 3;
        sleep 3600 if $break eq 'hang' && $i == 5;
        write_whole($socket, $block) or return;
        my $early = ($i + 1) * BLOCK / $rate - (now() - $began);
        pause($early) if $early > 0.02;
    }
    return 1;
}

# Where the first wrong byte stands, is told: another block of this transfer is lost order, anything else is damage.
sub read_blocks {
    my ($socket, $transfer, $blocks) = @_;
    my $told;
    for my $i (0 .. $blocks - 1) {
        my $got = read_whole($socket, BLOCK) // return;
        next if $told || $got eq block($transfer, $i);
        my ($its, $number) = unpack 'N N', $got;
        my $moved = $its == $transfer && $number != $i && $got eq block($its, $number);
        my ($at) = map { pos($_) - 1 } grep { /[^\0]/g } $got ^ block($transfer, $i);
        violation($moved ? 'order' : 'corrupted', "transfer $transfer: block $i of $blocks is " . ($moved ? "block $number" : "wrong at byte $at"));
        $told = 1;
    }
    return 1;
}

sub serve {
    my ($port) = @_;
    socket(my $listener, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($listener, pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
    listen($listener, 128) or die "listen: $!\n";
    local $SIG{CHLD} = 'IGNORE';
    while (1) {
        accept(my $client, $listener) or next;
        # Where no process can be made, the caller waits until one can.
        my $child;
        pause(0.1) until defined($child = fork);
        if ($child) { close $client; next }
        close $listener;
        # Without a whole request it was an attempt that its caller has given up.
        my ($transfer, $blocks, $up, $rate) = unpack 'N4', read_whole($client, 16) // exit;
        write_whole($client, pack 'N', $transfer) or exit;
        # Then it waits for its caller to close: of a process that is gone the kernel gives up what is not acknowledged within a minute.
        if ($up) { read_blocks($client, $transfer, $blocks) and write_whole($client, pack 'N', $transfer) and read_whole($client, 1) }
        else     { send_blocks($client, $transfer, $blocks, $rate) and read_whole($client, 4) }
        exit;
    }
}

sub dial {
    my ($there) = @_;
    socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    my $flags = fcntl($socket, F_GETFL, 0);
    fcntl($socket, F_SETFL, $flags | O_NONBLOCK);
    connect($socket, $there) || $!{EINPROGRESS} or return;
    my $write = '';
    vec($write, fileno $socket, 1) = 1;
    select undef, $write, undef, CONNECT_SECONDS or return;
    return if unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    fcntl($socket, F_SETFL, $flags);
    return $socket;
}

sub transfers {
    my ($address, $port, $flow, $rate) = @_;
    my $there = pack_sockaddr_in($port, inet_aton($address));
    my ($count, $attempts) = (0, 0);
    until ($count && -e "$folder/finish") {
        $attempts++;
        my $socket = dial($there);
        if (!$socket) { pause(0.3); next }
        my ($transfer, $up, $blocks) = ($flow * 1_000_000 + $count, $count % 2, 1 + int rand(6 * $rate / BLOCK));
        tell_state("tcp-$flow", "transfer $transfer " . ($up ? 'up' : 'down') . " of $blocks blocks; $count ended, $attempts attempts\n");
        # Until its request is answered it is an attempt: a caller may be connected, and the far end give it up after a minute without a
        # segment of it (tcp_synack_retries).
        if (!write_whole($socket, pack 'N4', $transfer, $blocks, $up, $rate) || !read_whole($socket, 4)) { pause(0.3); next }
        my $done =
            $up
            ? send_blocks($socket, $transfer, $blocks, $rate) && defined read_whole($socket, 4)
            : read_blocks($socket, $transfer, $blocks) && write_whole($socket, 'done');
        violation('ends', "transfer $transfer " . ($up ? 'up' : 'down') . " of $blocks blocks was broken off: $!") unless $done;
        $count++;
    }
    tell_state("tcp-$flow", "ended: $count transfers, $attempts attempts\n");
}

# ---- datagrams ---------------------------------------------------------------------------------------------------------

sub datagram {
    my ($flow, $number, $size) = @_;
    return pack('N N n', $flow, $number, $size) . substr($bytes, ($flow * 131 + $number * 17) % 8192, $size - 10);
}

sub flows {
    my ($address, $port, $first, $count, $ms) = @_;
    my $there = pack_sockaddr_in($port, inet_aton($address));
    my (@sockets, @number);
    for my $flow (1 .. $count) {
        socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
        push @sockets, $socket;
        push @number, 0;
    }
    my $turn = 0;
    while (++$turn) {
        for my $flow (0 .. $count - 1) {
            my @burst = map { datagram($first + $flow, $number[$flow]++, 40 + int rand 1160) } 1 .. 1 + int rand 8;
            substr($burst[0], 20, 1) ^= "\x04" if $break eq 'corrupt' && $turn % 50 == 0;
            @burst = reverse @burst if $break eq 'reorder' && $turn % 10 == 0;
            # Without a route, or an interface, it is lost, as on any network.
            send $sockets[$flow], $_, 0, $there for @burst;
        }
        pause($ms / 1000);
    }
}

sub receive {
    my ($port, $name) = @_;
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    setsockopt($s, SOL_SOCKET, SOL_SOCKET_RCVBUFFORCE, pack 'i', 16 << 20);
    bind($s, pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
    my (%flow, $told);
    $told = 0;
    while (1) {
        my $read = '';
        vec($read, fileno $s, 1) = 1;
        take($s, \%flow, $name) if select $read, undef, undef, 0.5;
        next if now() - $told < 1;
        $told = now();
        tell_state($name, join '', map { "$_ $flow{$_}{count} $flow{$_}{late} $flow{$_}{highest}\n" } sort { $a <=> $b } keys %flow);
    }
}

sub take {
    my ($socket, $flows, $name) = @_;
    recv($socket, my $got, 65536, 0) // return;
    my ($id, $number, $size) = length $got >= 10 ? unpack 'N N n', $got : (0, 0, 0);
    if ($size < 40 || $got ne datagram($id, $number, $size)) {
        violation('corrupted', "$name: a datagram of " . length($got) . " bytes, by its words $number of flow $id");
        return;
    }
    my $flow = $flows->{$id} //= { count => 0, late => 0, highest => -1, seen => {} };
    $flow->{count}++;
    violation('order', "$name: datagram $number of flow $id came twice") if $flow->{seen}{$number}++;
    delete $flow->{seen}{ $number - 10_000 };
    if ($number < $flow->{highest}) {
        $flow->{late}++;
        tell_late($name, $id, $number, $flow->{highest});
    }
    $flow->{highest} = $number if $number > $flow->{highest};
}

# Whether a late one is a fault depends on the path: over datagrams it is none.
sub tell_late {
    my ($name, $id, $number, $highest) = @_;
    open my $file, '>>', "$folder/late" or die "late: $!\n";
    syswrite $file, POSIX::strftime('%H:%M:%S', gmtime) . " $name: datagram $number of flow $id came behind $highest\n";
}

if    ($kind eq 'serve')     { $folder = $arguments[1]; serve(@arguments) }
elsif ($kind eq 'transfers') { $folder = $arguments[4]; srand $arguments[2]; transfers(@arguments) }
elsif ($kind eq 'receive')   { $folder = $arguments[1]; receive(@arguments[ 0, 2 ]) }
elsif ($kind eq 'flows')     { $folder = $arguments[5]; srand 5; flows(@arguments) }
else                         { die "what is $kind?\n" }
