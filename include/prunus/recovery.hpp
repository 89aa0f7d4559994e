// SPDX-License-Identifier: MIT
#pragma once

// Door to what makes up for what pruning took.

#include <prunus/recovery/input_patches.hpp>
#include <prunus/recovery/output_error.hpp>
#include <prunus/recovery/reconstruct.hpp>
