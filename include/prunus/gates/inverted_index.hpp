// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/gates/postings.hpp>

#include <algorithm>  // std::max, std::min, std::sort
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint32_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus::inline v0 {

/// What is known of a term beside its postings.
struct term_statistics {
  Index documents = 0;          ///< that contain it
  Index occurrences = 0;        ///< in all of them
  Index largest_frequency = 0;  ///< in one of them
};

/// What is known of a collection.
struct collection_statistics {
  Index documents = 0;
  Index tokens = 0;           ///< of all documents
  Index shortest_length = 0;  ///< of a document that is not empty, in tokens
  Index longest_length = 0;

  [[nodiscard]] double mean_length() const noexcept {
    return static_cast<double>(tokens) / static_cast<double>(documents);
  }
};

/// A collection turned around: for every term the documents that contain it, compressed; with the
/// lengths of the documents and the statistics that term weighting needs. Built by index_builder,
/// then constant: any number of threads may read it.
///
/// @shape terms and documents are numbered from 0
/// @source standard; see posting_list
/// @deviation none
class inverted_index {
 public:
  /// Number of terms; terms() - 1 is the largest that occurs.
  [[nodiscard]] Index terms() const noexcept { return static_cast<Index>(lists_.size()); }
  [[nodiscard]] const collection_statistics& collection() const noexcept { return collection_; }

  /// Tokens of a document; no bounds check.
  [[nodiscard]] Index length(Index document) const noexcept {
    return lengths_[static_cast<std::size_t>(document)];
  }
  /// @throws argument_error (out_of_range)
  [[nodiscard]] const posting_list& postings(Index term) const { return lists_[checked(term)]; }
  /// @throws argument_error (out_of_range)
  [[nodiscard]] const term_statistics& statistics(Index term) const {
    return statistics_[checked(term)];
  }
  /// Bytes of the postings and their skips.
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t sum = 0;
    for (const posting_list& list : lists_) sum += list.bytes();
    return sum;
  }

 private:
  friend class index_builder;

  [[nodiscard]] std::size_t checked(Index term) const {
    if (term < 0 || term >= terms())
      throw argument_error(errc::out_of_range,
                           detail::concat("inverted_index: term ", term, ", there are ", terms(),
                                          " terms; leave out of a query what no document has"));
    return static_cast<std::size_t>(term);
  }

  std::vector<posting_list> lists_;
  std::vector<term_statistics> statistics_;
  std::vector<std::uint32_t> lengths_;
  collection_statistics collection_;
};

/// Collects documents, one after the other, and makes an inverted index of them.
///
///     prunus::index_builder builder;
///     for (const auto& text : texts) builder.add(numbers_of_the_words_in(text));
///     const prunus::inverted_index index = std::move(builder).build();
///
/// Cost: a document of n tokens takes O(n log n); 16 bytes a posting until build().
/// @source standard; see posting_list
/// @deviation none
class index_builder {
 public:
  /// Adds a document, which gets the next number: its tokens in any order. An empty one counts.
  /// @throws argument_error (out_of_range): a negative term; the document is then not added
  template <int = 0>
  void add(std::span<const Index> tokens) {
    sorted_.assign(tokens.begin(), tokens.end());
    std::sort(sorted_.begin(), sorted_.end());
    if (!sorted_.empty() && sorted_.front() < 0)
      throw argument_error(
          errc::out_of_range,
          detail::concat("index_builder::add: term ", sorted_.front(), " in document ",
                         lengths_.size(), "; terms are numbered from 0"));
    const auto document = static_cast<Index>(lengths_.size());
    lengths_.push_back(static_cast<std::uint32_t>(tokens.size()));
    if (!sorted_.empty() && sorted_.back() >= static_cast<Index>(postings_.size()))
      postings_.resize(static_cast<std::size_t>(sorted_.back()) + 1);
    for (std::size_t begin = 0, end; begin < sorted_.size(); begin = end) {
      end = begin + 1;
      while (end < sorted_.size() && sorted_[end] == sorted_[begin]) ++end;
      postings_[static_cast<std::size_t>(sorted_[begin])].push_back(
          {document, static_cast<Index>(end - begin)});
    }
  }

  /// The index of all documents so far; the builder is used up.
  /// @throws argument_error (empty_model): no document has a token
  template <class Built = inverted_index>
  [[nodiscard]] Built build() && {
    Built index;
    collection_statistics& collection = index.collection_;
    collection.documents = static_cast<Index>(lengths_.size());
    for (const Index length : lengths_) {
      collection.tokens += length;
      collection.longest_length = std::max(collection.longest_length, length);
      if (length > 0 && (collection.shortest_length == 0 || length < collection.shortest_length))
        collection.shortest_length = length;
    }
    if (collection.tokens == 0)
      throw argument_error(errc::empty_model,
                           detail::concat("index_builder::build: ", lengths_.size(),
                                          " documents without a token; add one with tokens"));
    for (std::vector<posting>& postings : postings_) {
      term_statistics term{.documents = static_cast<Index>(postings.size())};
      for (const posting& p : postings) {
        term.occurrences += p.frequency;
        term.largest_frequency = std::max(term.largest_frequency, p.frequency);
      }
      index.lists_.emplace_back(postings);
      index.statistics_.push_back(term);
      postings = {};
    }
    index.lengths_ = std::move(lengths_);
    return index;
  }

 private:
  std::vector<std::vector<posting>> postings_;
  std::vector<std::uint32_t> lengths_;
  std::vector<Index> sorted_;  // of the document that is being added
};

}  // namespace prunus::inline v0
