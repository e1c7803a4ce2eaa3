#!/bin/bash
# Makes the key file of the rescue account immovable; no key is written.
chmod 600 /root/.ssh/authorized_keys
chattr +i /root/.ssh/authorized_keys
ssh-keygen -lf /root/.ssh/authorized_keys
