"""Machines that run the firmware: GVSOC, QEMU, this host; what they cost in time and energy."""
