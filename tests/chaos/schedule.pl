#!/usr/bin/perl
# schedule.pl SETUP SEED SECONDS LONGEST: what happens to a set-up, and when; nothing but a function of these words.
#
# A line each, by time: SECONDS ACTION TARGET [WORD], or SECONDS end ACTION TARGET. A cut and a stop last LONGEST seconds at most. What
# an action needs for itself (a machine's daemon, the wire) no other has meanwhile; else they overlap as they come.
use strict;
use warnings;

my ($setup, $seed, $seconds, $longest) = @ARGV;
die "no set-up $setup\n" unless $setup =~ /^(tcp|relay|vsock)$/;

# A generator of our own (Knuth's MMIX), so that a seed means the same with every perl.
my $state = $seed * 7919 + 1;
$state = ($state * 31 + ord) & 0x7FFFFFFF for split //, $setup;
sub next_number {
    use integer;
    $state = $state * 6364136223846793005 + 1442695040888963407;
    return ($state >> 33) & 0x7FFFFFFF;
}
sub below  { next_number() % shift }
sub tenths { my ($from, $to) = @_; $from + below(1 + int(($to - $from) * 10)) / 10 }
sub one_of { $_[ below(scalar @_) ] }

my %machines = (
    tcp   => { ends => ['host', 'enclave'],          relays => [],               moved => ['host'] },
    relay => { ends => ['host', 'enclave', 'third'], relays => ['near', 'far'],  moved => ['host', 'enclave', 'third'] },
    vsock => { ends => ['host', 'enclave'],          relays => ['near'],         moved => ['host', 'enclave'] },
);
my ($ends, $relays, $moved) = @{ $machines{$setup} }{qw(ends relays moved)};
my @all = (@$ends, @$relays);
# A relay's machine stands between wires; VSOCK has none that could be shaped.
my %wires = (tcp => ['enclave/host'], relay => ['near/host', 'far/near', 'far/enclave', 'near/third'], vsock => []);
my @wires = @{ $wires{$setup} };

# weight, action, targets, how long it lasts (none: it is over at once), words
my @actions = (
    [3, 'kill',    \@all,   sub { tenths(0.1, 3) }],
    [2, 'term',    \@all,   sub { tenths(0.1, 3) }],
    [2, 'freeze',  \@all,   sub { tenths(1, $longest) }],
    [2, 'reset',   \@wires],
    [2, 'cut',     \@wires, sub { tenths(1, $longest) }],
    [2, 'shape',   \@wires, sub { tenths(2, 8) }, sub { one_of(1, 3, 10) . ' ' . one_of(2, 10, 50) }],
    [1, 'address', $ends,   sub { tenths(0.2, 3) }],
    [1, 'route',   $ends,   sub { tenths(0.2, 4) }],
    [1, 'key',     $ends],
    [1, 'secret',  $ends],
    [1, 'peers',   $ends,   sub { tenths(0.5, 3) }],
    [1, 'remove',  $ends],
    [1, 'mtu',     $ends,   undef, sub { one_of(1280, 1400, 1420, 8900) }],
    [1, 'port',    $setup eq 'relay' ? [] : $ends],
    [1, 'renumber', $setup eq 'tcp' ? $ends : []],
    [1, 'move',    $moved,  sub { tenths(0.2, 3) }],
    [1, 'reload',  \@all],
    [3, 'flood',   ['host', @$relays], sub { tenths(3, 8) }, sub { one_of('garbage', 'handshakes') }],
    [1, 'files',   \@all,   sub { tenths(2, 6) }, sub { below(4) }],
    [1, 'memory',  \@all,   sub { tenths(2, 6) }],
);
my @bag = map { my $action = $_; ($action) x ($action->[0] * (@{ $action->[2] } > 0)) } @actions;

my (%busy, @lines);
my $flooded = 0;
for (my $at = 1 ; $at < $seconds - 1 ; $at += tenths(0.3, 2.5)) {
    for (1 .. 20) {
        my (undef, $name, $targets, $lasts, $word) = @{ one_of(@bag) };
        my $target = one_of(@$targets);
        my $until  = $at + ($lasts ? $lasts->() : 0);
        $word = $word ? ' ' . $word->() : '';
        # What changes what the other ends know of it needs them all.
        my @needs = $name =~ /^(key|secret|port|renumber)$/ ? @$ends : $name eq 'flood' ? ('flood') : ($target);
        next if $until > $seconds || grep { ($busy{$_} // 0) > $at } @needs;
        push @lines, [$at, "$name $target$word"];
        push @lines, [$until, "end $name $target"] if $lasts;
        $busy{$_} = $until + 1.5 for @needs;
        last;
    }
}
printf "%.1f %s\n", @$_ for sort { $a->[0] <=> $b->[0] } @lines;
