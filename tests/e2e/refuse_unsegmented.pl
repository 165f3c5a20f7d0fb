#!/usr/bin/perl
# refuse_unsegmented.pl COMMAND...: runs COMMAND, for whom writev(2), and write(2) of more than 4,000 bytes, fail with EINVAL: as writing
# unsegmented packets to a TUN device does with some kernels. By a seccomp filter (linux/seccomp.h, filter.h; x86-64's numbers).
use strict;
use warnings;

my ($PR_SET_SECCOMP, $SECCOMP_MODE_FILTER, $ALLOW, $REFUSE) = (22, 2, 0x7fff0000, 0x00050000 | 22);
my ($SYS_write, $SYS_writev, $SYS_prctl) = (1, 20, 157);
my ($LOAD, $JUMP_EQUAL, $JUMP_GREATER, $RETURN) = (0x20, 0x15, 0x25, 0x06);
my ($number, $count) = (0, 32);    # in struct seccomp_data: the call's, and its third argument
my $filter = join '', map { pack "S C C L", @$_ } (
    [ $LOAD,         0, 0, $number ],
    [ $JUMP_EQUAL,   4, 0, $SYS_writev ],
    [ $JUMP_EQUAL,   0, 2, $SYS_write ],
    [ $LOAD,         0, 0, $count ],
    [ $JUMP_GREATER, 1, 0, 4000 ],
    [ $RETURN,       0, 0, $ALLOW ],
    [ $RETURN,       0, 0, $REFUSE ],
);
my $program = pack "S x6 P", length($filter) / 8, $filter;
syscall($SYS_prctl, $PR_SET_SECCOMP, $SECCOMP_MODE_FILTER, $program, 0, 0) == 0 or die "seccomp: $!\n";
exec @ARGV or die "$ARGV[0]: $!\n";
