// SPDX-License-Identifier: MIT
// expect: wrong size
static_assert(sizeof(char) == 1, "wrong size");
