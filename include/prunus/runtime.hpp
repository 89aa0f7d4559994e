// SPDX-License-Identifier: MIT
#pragma once

// Door to kernels and the guard against denormals.

#include <prunus/runtime/batch_normalization.hpp>
#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/runtime/change_detection.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/denormal_guard.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/formats/blocks_of.hpp>
#include <prunus/runtime/formats/patterns.hpp>
#include <prunus/runtime/formats/rows.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_crossover.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/kernel_index.hpp>
#include <prunus/runtime/kernel_index_convolution.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/packing_format.hpp>
#include <prunus/runtime/pooling.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/sparse_linear.hpp>
#include <prunus/runtime/thread_pool.hpp>
