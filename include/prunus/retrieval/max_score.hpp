// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/document_at_a_time.hpp>

#include <algorithm>  // std::min, std::sort
#include <cmath>      // std::abs
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {
namespace detail {

/// One evaluation by MaxScore: the lists by ascending bound, of which the first `optional_` ones
/// together cannot lift a document above the threshold.
template <class List>
class max_score_evaluation {
 public:
  max_score_evaluation(std::span<List> lists, top_k& best, evaluation_statistics& statistics)
      : lists_(lists),
        best_(best),
        statistics_(statistics),
        rank_(lists.size()),
        contributions_(lists.size(), 0.0) {
    for (std::size_t i = 0; i < lists.size(); ++i) by_bound_.push_back(i);
    std::sort(by_bound_.begin(), by_bound_.end(), [&](std::size_t a, std::size_t b) {
      const double first = lists[a].upper_bound(), second = lists[b].upper_bound();
      return first < second || (first == second && a < b);
    });
    double sum = 0;
    for (std::size_t i = 0; i < by_bound_.size(); ++i) {
      rank_[by_bound_[i]] = i;
      bounds_up_to_.push_back(sum += lists[by_bound_[i]].upper_bound());
    }
  }

  void run() {
    leave_out_lists();
    Index at = first_essential_document();
    while (optional_ < lists_.size() && at != no_document) {
      const Index following = score_essential(at);
      const bool entered = score_optional(at) && best_.push(at, sum_in_order());
      forget_contributions();
      if (entered) leave_out_lists();
      at = entered ? first_essential_document() : following;
    }
  }

 private:
  [[nodiscard]] List& ranked(std::size_t rank) { return lists_[by_bound_[rank]]; }

  /// Lists that by themselves lift no document above the threshold need not be walked.
  void leave_out_lists() {
    while (optional_ < lists_.size() && !can_enter_with(optional_)) ++optional_;
  }

  /// Whether the contributions so far and the lists up to `rank` can beat the threshold.
  [[nodiscard]] bool can_enter_with(std::size_t rank) {
    return can_enter(so_far_ + bounds_up_to_[rank], magnitude_ + bounds_up_to_[rank], lists_.size(),
                     best_.threshold(), [&] {
                       double exact = 0;
                       for (std::size_t i = 0; i < lists_.size(); ++i)
                         exact += rank_[i] <= rank ? lists_[i].upper_bound() : contributions_[i];
                       return exact;
                     });
  }

  [[nodiscard]] Index first_essential_document() {
    Index first = no_document;
    for (std::size_t r = optional_; r < lists_.size(); ++r)
      first = std::min(first, ranked(r).document());
    return first;
  }

  /// Adds what the essential lists have for a document; returns the one after it.
  [[nodiscard]] Index score_essential(Index document) {
    Index following = no_document;
    for (std::size_t r = optional_; r < lists_.size(); ++r) {
      List& list = ranked(r);
      if (list.document() == document) {
        add(r);
        list.next();
      }
      following = std::min(following, list.document());
    }
    return following;
  }

  /// Adds what the other lists have, largest bound first, while the document can still enter.
  /// @returns whether its score is complete
  [[nodiscard]] bool score_optional(Index document) {
    for (std::size_t r = optional_; r-- > 0;) {
      if (!can_enter_with(r)) {
        ++statistics_.documents_abandoned;
        return false;
      }
      List& list = ranked(r);
      if (list.document() < document) {
        list.seek(document);
        ++statistics_.seeks;
      }
      if (list.document() == document) add(r);
    }
    ++statistics_.documents_scored;
    return true;
  }

  void add(std::size_t rank) {
    const double score = ranked(rank).score();
    contributions_[by_bound_[rank]] = score;
    so_far_ += score;
    magnitude_ += std::abs(score);
    ++statistics_.postings_scored;
  }
  void forget_contributions() {
    for (double& c : contributions_) c = 0;
    so_far_ = magnitude_ = 0;
  }
  [[nodiscard]] double sum_in_order() const {
    double sum = 0;
    for (const double c : contributions_) sum += c;
    return sum;
  }

  std::span<List> lists_;
  top_k& best_;
  evaluation_statistics& statistics_;
  std::size_t optional_ = 0;
  std::vector<std::size_t> by_bound_, rank_;  // list of a rank, rank of a list
  std::vector<double> bounds_up_to_;          // of a rank
  std::vector<double> contributions_;         // to the current document, 0 where there is none
  double so_far_ = 0, magnitude_ = 0;         // sums of them and of their absolute values
};

}  // namespace detail

/// MaxScore: walks only the lists that a document must be in to enter, and looks into the others
/// while the document still can.
///
/// With the lists by ascending bound, those whose bounds together do not beat the threshold are
/// optional: a document in none but them is passed over. Same result as `exhaustive`, to the last
/// bit and with ties.
/// @shape lists: any number, in the order in which contributions are added
/// Cost: O(lists) for a document of an essential list; allocates a few times.
/// @source H. Turtle, J. Flood, "Query evaluation: strategies and optimizations", Information
/// Processing & Management 31(6), 1995, 10.1016/0306-4573(95)00020-H
/// @deviation after an optional list was found the next document is looked for again (our reading)
struct max_score {
  template <document_list List>
  void operator()(std::span<List> lists, top_k& best, evaluation_statistics& statistics) const {
    detail::max_score_evaluation<List>(lists, best, statistics).run();
  }
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
