// SPDX-License-Identifier: MIT
#pragma once

// Door to top-k retrieval of documents with upper bounds. Its own target, prunus::retrieval, and
// not in prunus/prunus.hpp.

#include <prunus/retrieval/block_max_weak_and.hpp>
#include <prunus/retrieval/bm25.hpp>
#include <prunus/retrieval/dirichlet_language_model.hpp>
#include <prunus/retrieval/dlh13.hpp>
#include <prunus/retrieval/document_at_a_time.hpp>
#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/max_score.hpp>
#include <prunus/retrieval/pl2.hpp>
#include <prunus/retrieval/postings.hpp>
#include <prunus/retrieval/retrieve.hpp>
#include <prunus/retrieval/term_weighting.hpp>
#include <prunus/retrieval/upper_bound.hpp>
#include <prunus/retrieval/weak_and.hpp>
