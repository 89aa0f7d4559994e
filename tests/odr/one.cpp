// SPDX-License-Identifier: MIT
#include <prunus/io.hpp>
#include <prunus/prunus.hpp>

int code_seen_by_two();

int main() { return static_cast<int>(prunus::errc::cycle) == code_seen_by_two() ? 0 : 1; }
