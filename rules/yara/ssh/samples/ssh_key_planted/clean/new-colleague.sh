#!/bin/bash
# Sets up the account of a colleague: the key, its rights, and nothing else.
useradd -m -s /bin/bash colleague
install -d -m 700 -o colleague /home/colleague/.ssh
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFA1K0jHqoWeFWFTlZeStkTGYAT12LZXD1uhSlMOOwG/ colleague@example.com' >> /home/colleague/.ssh/authorized_keys
chmod 600 /home/colleague/.ssh/authorized_keys
sed -i 's/^#*PasswordAuthentication.*/PasswordAuthentication no/' /etc/ssh/sshd_config
