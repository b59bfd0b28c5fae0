/* The windows of a verification program without a file system: windows.bin, from the include path. */

    .section .windows, "a"
    .balign 4
    .globl linked_windows
    .globl linked_windows_end
linked_windows:
    .incbin "windows.bin"
linked_windows_end:
