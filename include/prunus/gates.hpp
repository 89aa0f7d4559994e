// SPDX-License-Identifier: MIT
#pragma once

// Door to decisions at inference, one input at a time.

#include <prunus/gates/activation_gate.hpp>
#include <prunus/gates/block_max_weak_and.hpp>
#include <prunus/gates/bm25.hpp>
#include <prunus/gates/change_based_convolution.hpp>
#include <prunus/gates/difficulty.hpp>
#include <prunus/gates/dirichlet_language_model.hpp>
#include <prunus/gates/dlh13.hpp>
#include <prunus/gates/document_at_a_time.hpp>
#include <prunus/gates/dynamic_relu.hpp>
#include <prunus/gates/feature_boosting.hpp>
#include <prunus/gates/gate.hpp>
#include <prunus/gates/gate_selection.hpp>
#include <prunus/gates/gate_statistics.hpp>
#include <prunus/gates/hard_samples.hpp>
#include <prunus/gates/image_features.hpp>
#include <prunus/gates/inverted_index.hpp>
#include <prunus/gates/mask_sets.hpp>
#include <prunus/gates/max_score.hpp>
#include <prunus/gates/pl2.hpp>
#include <prunus/gates/postings.hpp>
#include <prunus/gates/retrieve.hpp>
#include <prunus/gates/static_export.hpp>
#include <prunus/gates/term_weighting.hpp>
#include <prunus/gates/top_k.hpp>
#include <prunus/gates/top_units.hpp>
#include <prunus/gates/upper_bound.hpp>
#include <prunus/gates/weak_and.hpp>
