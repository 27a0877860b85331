"""Compiled kernels: flat preallocated arrays, no I/O, no clock, no objects."""
