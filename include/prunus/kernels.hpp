// SPDX-License-Identifier: MIT
#pragma once

// Door to the compiled kernels, which choose their instruction set at run time. Needs the target
// prunus::kernels; not part of the umbrella.

#include <prunus/kernels/direct_convolution.hpp>
#include <prunus/kernels/gated_convolution.hpp>
#include <prunus/kernels/gated_linear.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/kernels/linear_layer.hpp>
#include <prunus/kernels/sparse_convolution.hpp>
#include <prunus/kernels/sparse_linear.hpp>
