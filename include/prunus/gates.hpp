// SPDX-License-Identifier: MIT
#pragma once

// Door to decisions at inference, one input at a time.

#include <prunus/gates/change_based_convolution.hpp>
