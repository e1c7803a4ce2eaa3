#!/usr/bin/perl
# Reads the greeting of the mail host, writes it to the log: output goes to a file, nothing that arrives is run.
use IO::Socket::INET;
my $socket = IO::Socket::INET->new(PeerAddr => 'mail.example.com', PeerPort => 25);
open(STDOUT, '>>', '/var/log/mail-check.log');
my $greeting = <$socket>;
print $greeting;
system('/usr/bin/logger', '-t', 'mail-check', 'done');
