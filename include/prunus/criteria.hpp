// SPDX-License-Identifier: MIT
#pragma once

// Door to every criterion.

#include <prunus/criteria/batch_norm_scale.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/group_criterion.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/linf_norm.hpp>
#include <prunus/criteria/random_score.hpp>
