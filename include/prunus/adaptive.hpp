// SPDX-License-Identifier: MIT
#pragma once

// Door to decisions at inference, one input at a time.

#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/difficulty.hpp>
#include <prunus/adaptive/dynamic_relu.hpp>
#include <prunus/adaptive/feature_boosting.hpp>
#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_selection.hpp>
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/adaptive/image_features.hpp>
#include <prunus/adaptive/mask_sets.hpp>
#include <prunus/adaptive/static_export.hpp>
#include <prunus/adaptive/top_k_outputs.hpp>
