// SPDX-License-Identifier: MIT
// expect: wrong size
static_assert(sizeof(int) == 1, "wrong size");
