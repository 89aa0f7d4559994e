// SPDX-License-Identifier: MIT
#pragma once

// Door to every criterion.

#include <prunus/criteria/activation_count.hpp>
#include <prunus/criteria/activation_mean.hpp>
#include <prunus/criteria/activation_norm.hpp>
#include <prunus/criteria/apoz.hpp>
#include <prunus/criteria/batch_norm_scale.hpp>
#include <prunus/criteria/class_ablation.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/coupling_norm.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/filter_similarity.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/gradient_norm.hpp>
#include <prunus/criteria/kernel_vector.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/criteria/linf_norm.hpp>
#include <prunus/criteria/movement.hpp>
#include <prunus/criteria/norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/criteria/second_order.hpp>
#include <prunus/criteria/similarity.hpp>
#include <prunus/criteria/snip.hpp>
#include <prunus/criteria/taylor.hpp>
