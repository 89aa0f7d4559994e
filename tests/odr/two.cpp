// SPDX-License-Identifier: MIT
#include <prunus/io.hpp>
#include <prunus/prunus.hpp>

int code_seen_by_two();

int code_seen_by_two() { return static_cast<int>(prunus::errc::cycle); }
