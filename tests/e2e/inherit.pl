#!/usr/bin/perl
# inherit.pl INTERFACE SOCKET COMMAND...: runs COMMAND with an open TUN device and a listening control socket, whose
# descriptors it is told by WG_TUN_FD and WG_UAPI_FD.
use strict;
use warnings;
use Socket;

$^F = 255;    # descriptors up to this one survive exec
my ($interface, $path, @command) = @ARGV;
my ($TUNSETIFF, $IFF_TUN, $IFF_NO_PI) = (0x400454ca, 0x0001, 0x1000);    # linux/if_tun.h

sysopen(my $tun, "/dev/net/tun", 2) or die "/dev/net/tun: $!\n";
ioctl($tun, $TUNSETIFF, pack("a16 S x22", $interface, $IFF_TUN | $IFF_NO_PI)) or die "TUNSETIFF: $!\n";

socket(my $control, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
bind($control, pack_sockaddr_un($path)) or die "bind $path: $!\n";
listen($control, 5) or die "listen: $!\n";

$ENV{WG_TUN_FD}  = fileno($tun);
$ENV{WG_UAPI_FD} = fileno($control);
exec(@command) or die "$command[0]: $!\n";
