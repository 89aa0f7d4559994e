// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::lower_bound, std::partition_point
#include <array>      // std::array
#include <bit>        // std::bit_width
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint32_t, std::uint64_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {

using Eigen::Index;

/// That a term occurs in a document, and how often.
struct posting {
  Index document = 0;
  Index frequency = 1;
  friend bool operator==(const posting&, const posting&) = default;
};

/// Where a cursor stands that has no further posting: behind every document.
inline constexpr Index no_document = std::numeric_limits<Index>::max();

namespace detail {

/// Appends `values` to `words`, `width` bits each, the lowest bits of a word first.
inline void append_packed(std::vector<std::uint64_t>& words, std::span<const std::uint32_t> values,
                          unsigned width) {
  const std::size_t begin = words.size();
  words.resize(begin + (values.size() * width + 63) / 64);
  std::size_t at = 0;
  for (const std::uint64_t value : values) {
    const unsigned shift = at % 64;
    std::uint64_t* const word = words.data() + begin + at / 64;
    if (width > 0) *word |= value << shift;
    if (shift + width > 64) word[1] |= value >> (64 - shift);
    at += width;
  }
}

/// What append_packed wrote.
inline void unpack(const std::uint64_t* words, unsigned width, std::span<std::uint32_t> values) {
  const std::uint64_t ones = (std::uint64_t{1} << width) - 1;
  std::size_t at = 0;
  for (std::uint32_t& value : values) {
    const unsigned shift = at % 64;
    std::uint64_t bits = width > 0 ? words[at / 64] >> shift : 0;
    if (shift + width > 64) bits |= words[at / 64 + 1] << (64 - shift);
    value = static_cast<std::uint32_t>(bits & ones);
    at += width;
  }
}

}  // namespace detail

/// The postings of one term by ascending document, compressed in memory.
///
/// Blocks of 128 postings. A block stores the gaps between its documents and the frequencies, each
/// with as many bits as the largest of the block needs; a table with the last document of every
/// block lets a cursor pass over blocks without unpacking them.
///
/// @shape postings: any number, documents ascending
/// @source block-wise binary packing with skips, standard; S. Buettcher, C. Clarke, G. Cormack,
/// "Information Retrieval: Implementing and Evaluating Search Engines", MIT Press 2010, chapter 6
class posting_list {
 public:
  static constexpr Index block_size = 128;

  posting_list() = default;

  /// @throws argument_error (out_of_range): documents that do not ascend or are not in
  ///         [0, 2^32 - 1), a frequency that is not in [1, 2^32)
  template <class = compiled_on_use>
  explicit posting_list(std::span<const posting> postings)
      : size_(static_cast<Index>(postings.size())) {
    check(postings);
    std::array<std::uint32_t, block_size> gaps{}, frequencies{};
    Index before = -1;
    for (std::size_t begin = 0; begin < postings.size(); begin += block_size) {
      const auto part =
          postings.subspan(begin, std::min<std::size_t>(block_size, postings.size() - begin));
      std::uint32_t all_gaps = 0, all_frequencies = 0;
      for (std::size_t i = 0; i < part.size(); ++i) {
        gaps[i] = static_cast<std::uint32_t>(part[i].document - before - 1);
        frequencies[i] = static_cast<std::uint32_t>(part[i].frequency - 1);
        before = part[i].document;
        all_gaps |= gaps[i];
        all_frequencies |= frequencies[i];
      }
      const block_header header{before, words_.size(),
                                static_cast<std::uint8_t>(std::bit_width(all_gaps)),
                                static_cast<std::uint8_t>(std::bit_width(all_frequencies))};
      blocks_.push_back(header);
      detail::append_packed(words_, std::span(gaps).first(part.size()), header.gap_bits);
      detail::append_packed(words_, std::span(frequencies).first(part.size()),
                            header.frequency_bits);
    }
  }

  /// Number of postings: the documents that contain the term.
  [[nodiscard]] Index size() const noexcept { return size_; }
  /// The first block, not before `from`, whose last document is not before `document`; the number
  /// of blocks where there is none. Unpacks nothing.
  [[nodiscard]] std::size_t block_of(Index document, std::size_t from = 0) const noexcept {
    const auto begin = blocks_.begin() + static_cast<std::ptrdiff_t>(from);
    if (begin != blocks_.end() && begin->last >= document) return from;
    const auto found = std::partition_point(
        begin, blocks_.end(), [&](const block_header& b) { return b.last < document; });
    return static_cast<std::size_t>(found - blocks_.begin());
  }
  [[nodiscard]] std::size_t blocks() const noexcept { return blocks_.size(); }
  /// The last document of a block; no bounds check.
  [[nodiscard]] Index last_of_block(std::size_t block) const noexcept {
    return blocks_[block].last;
  }
  /// Bytes that the postings and their skips take.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return words_.size() * sizeof(std::uint64_t) + blocks_.size() * sizeof(block_header);
  }

 private:
  friend class posting_cursor;

  struct block_header {
    Index last = 0;  ///< document
    std::size_t begin = 0;
    std::uint8_t gap_bits = 0;
    std::uint8_t frequency_bits = 0;
  };

  static void check(std::span<const posting> postings) {
    constexpr Index limit = std::numeric_limits<std::uint32_t>::max();
    Index before = -1;
    for (const posting& p : postings) {
      if (p.document <= before || p.document >= limit)
        throw argument_error(
            errc::out_of_range,
            prunus::detail::concat("posting_list: document ", p.document, " after document ",
                                   before, "; documents must ascend from 0 and be below ", limit));
      if (p.frequency < 1 || p.frequency > limit)
        throw argument_error(
            errc::out_of_range,
            prunus::detail::concat("posting_list: document ", p.document, " has frequency ",
                                   p.frequency, ", expected 1 to ", limit));
      before = p.document;
    }
  }

  Index size_ = 0;
  std::vector<block_header> blocks_;
  std::vector<std::uint64_t> words_;
};

/// Walks over a posting list, which must outlive it. About one kilobyte; makes no allocation.
///
/// Cost: next() is constant on average; seek() is logarithmic in the blocks passed over and unpacks
/// one block, frequencies only when one is asked for.
class posting_cursor {
 public:
  explicit posting_cursor(const posting_list& list) : list_(&list) { open(0); }

  /// Where it stands; no_document behind the last posting.
  [[nodiscard]] Index document() const noexcept { return document_; }

  /// How often the term occurs in document().
  /// @pre document() is not no_document
  [[nodiscard]] Index frequency() {
    if (!frequencies_unpacked_) {
      const auto& header = list_->blocks_[block_];
      const std::size_t words_of_gaps = (count_ * header.gap_bits + 63) / 64;
      detail::unpack(list_->words_.data() + header.begin + words_of_gaps, header.frequency_bits,
                     std::span(frequencies_).first(count_));
      frequencies_unpacked_ = true;
    }
    return Index{frequencies_[at_]} + 1;
  }

  /// To the next posting.
  void next() {
    if (++at_ < count_)
      document_ = documents_[at_];
    else
      open(block_ + 1);
  }

  /// To the first posting of `document` or a later one; never backwards.
  void seek(Index document) {
    if (document <= document_) return;
    if (list_->blocks_[block_].last < document) {
      open(list_->block_of(document, block_ + 1));
      if (document <= document_) return;
    }
    at_ = static_cast<std::size_t>(
        std::lower_bound(documents_.begin() + static_cast<std::ptrdiff_t>(at_),
                         documents_.begin() + static_cast<std::ptrdiff_t>(count_),
                         static_cast<std::uint32_t>(document)) -
        documents_.begin());
    document_ = documents_[at_];
  }

 private:
  /// Unpacks the documents of a block and stands at its first one.
  void open(std::size_t number) {
    block_ = number;
    at_ = 0;
    frequencies_unpacked_ = false;
    if (number >= list_->blocks_.size()) {
      count_ = 0;
      document_ = no_document;
      return;
    }
    const auto& header = list_->blocks_[number];
    count_ =
        std::min<std::size_t>(posting_list::block_size, static_cast<std::size_t>(list_->size_) -
                                                            number * posting_list::block_size);
    detail::unpack(list_->words_.data() + header.begin, header.gap_bits,
                   std::span(documents_).first(count_));
    auto before = static_cast<std::uint32_t>(number == 0 ? -1 : list_->blocks_[number - 1].last);
    for (std::size_t i = 0; i < count_; ++i) before = documents_[i] += before + 1;
    document_ = documents_[0];
  }

  const posting_list* list_;
  Index document_ = no_document;
  std::size_t block_ = 0, at_ = 0, count_ = 0;
  bool frequencies_unpacked_ = false;
  std::array<std::uint32_t, posting_list::block_size> documents_, frequencies_;
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
