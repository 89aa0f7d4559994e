// SPDX-License-Identifier: MIT
// expect: wrong size
#ifdef PRUNUS_MISTAKE
static_assert(sizeof(char) == 2, "something else");
#endif
