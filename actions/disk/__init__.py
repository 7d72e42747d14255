"""The room on the disks of hosts: what takes it, and what makes it again."""
