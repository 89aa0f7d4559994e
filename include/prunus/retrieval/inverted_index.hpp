// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/retrieval/postings.hpp>

#include <algorithm>  // std::max, std::min, std::sort
#include <array>      // std::array
#include <bit>        // std::bit_width
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint32_t, std::uint64_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// What is known of a term beside its postings.
struct term_statistics {
  Index documents = 0;          ///< that contain it
  Index occurrences = 0;        ///< in all of them
  Index largest_frequency = 0;  ///< in one of them
};

/// Some postings of a term: which frequencies are among them, and the length of the shortest of
/// their documents.
///
/// @shape an inverted index holds one for each frequency up to 8 and one for each doubling above
///        (9 to 16, 17 to 32, ...) that occurs, and one for each block of postings
struct frequency_class {
  std::uint32_t smallest = 0;
  std::uint32_t largest = 0;
  std::uint32_t shortest_length = 0;  ///< in tokens

  /// Takes in a posting.
  void add(Index frequency, Index length) noexcept {
    const auto f = static_cast<std::uint32_t>(frequency);
    const auto l = static_cast<std::uint32_t>(length);
    const bool first = largest == 0;
    smallest = first ? f : std::min(smallest, f);
    shortest_length = first ? l : std::min(shortest_length, l);
    largest = std::max(largest, f);
  }
  friend bool operator==(const frequency_class&, const frequency_class&) = default;
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
  /// The classes of a term's postings by their frequencies, ascending.
  /// @throws argument_error (out_of_range)
  [[nodiscard]] std::span<const frequency_class> frequency_classes(Index term) const {
    return part_of(classes_, class_begins_, term);
  }
  /// Of each block of a term's postings.
  /// @throws argument_error (out_of_range)
  [[nodiscard]] std::span<const frequency_class> blocks(Index term) const {
    return part_of(blocks_, block_begins_, term);
  }
  /// Bytes of the postings, their skips, classes and blocks.
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t sum = (classes_.size() + blocks_.size()) * sizeof(frequency_class);
    for (const posting_list& list : lists_) sum += list.bytes();
    return sum;
  }

 private:
  friend class index_builder;

  [[nodiscard]] std::size_t checked(Index term) const {
    if (term < 0 || term >= terms())
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("inverted_index: term ", term, ", there are ", terms(),
                                 " terms; leave out of a query what no document has"));
    return static_cast<std::size_t>(term);
  }

  [[nodiscard]] std::span<const frequency_class> part_of(const std::vector<frequency_class>& all,
                                                         const std::vector<std::size_t>& begins,
                                                         Index term) const {
    const std::size_t t = checked(term);
    return std::span(all).subspan(begins[t], begins[t + 1] - begins[t]);
  }

  /// The postings of the next term.
  void append(std::span<const posting> postings) {
    term_statistics term{.documents = static_cast<Index>(postings.size())};
    std::array<frequency_class, 64> classes{};
    for (std::size_t i = 0; i < postings.size(); ++i) {
      const posting& p = postings[i];
      term.occurrences += p.frequency;
      term.largest_frequency = std::max(term.largest_frequency, p.frequency);
      if (i % posting_list::block_size == 0) blocks_.emplace_back();
      blocks_.back().add(p.frequency, length(p.document));
      const auto f = static_cast<std::uint64_t>(p.frequency);
      // 1 to 8 have a class each; 9 to 16 share the next one, 17 to 32 that behind it.
      classes[f <= 8 ? f : static_cast<std::size_t>(std::bit_width(f - 1)) + 5].add(
          p.frequency, length(p.document));
    }
    for (const frequency_class& c : classes)
      if (c.largest > 0) classes_.push_back(c);
    lists_.emplace_back(postings);
    statistics_.push_back(term);
    class_begins_.push_back(classes_.size());
    block_begins_.push_back(blocks_.size());
  }

  std::vector<posting_list> lists_;
  std::vector<term_statistics> statistics_;
  std::vector<frequency_class> classes_, blocks_;  // of all terms, one behind the other
  std::vector<std::size_t> class_begins_{0}, block_begins_{0};
  std::vector<std::uint32_t> lengths_;
  collection_statistics collection_;
};

/// Collects documents, one after the other, and makes an inverted index of them.
///
///     prunus::retrieval::index_builder builder;
///     for (const auto& text : texts) builder.add(numbers_of_the_words_in(text));
///     const prunus::retrieval::inverted_index index = std::move(builder).build();
///
/// Cost: a document of n tokens takes O(n log n); 16 bytes a posting until build().
class index_builder {
 public:
  /// Adds a document, which gets the next number: its tokens in any order. An empty one counts.
  /// @throws argument_error (out_of_range): a negative term; the document is then not added
  template <class = compiled_on_use>
  void add(std::span<const Index> tokens) {
    sorted_.assign(tokens.begin(), tokens.end());
    std::sort(sorted_.begin(), sorted_.end());
    if (!sorted_.empty() && sorted_.front() < 0)
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("index_builder::add: term ", sorted_.front(), " in document ",
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
      throw argument_error(
          errc::empty_model,
          prunus::detail::concat("index_builder::build: ", lengths_.size(),
                                 " documents without a token; add one with tokens"));
    index.lengths_ = std::move(lengths_);
    for (std::vector<posting>& postings : postings_) {
      index.append(postings);
      postings = {};
    }
    return index;
  }

 private:
  std::vector<std::vector<posting>> postings_;
  std::vector<std::uint32_t> lengths_;
  std::vector<Index> sorted_;  // of the document that is being added
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
