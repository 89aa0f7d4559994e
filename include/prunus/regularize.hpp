// SPDX-License-Identifier: MIT
#pragma once

// Door to penalties that add to the gradients while a network trains.

#include <prunus/regularize/group_lasso.hpp>
#include <prunus/regularize/growing_regularization.hpp>
#include <prunus/regularize/scale_sparsity.hpp>
