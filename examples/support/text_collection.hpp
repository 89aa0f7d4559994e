// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/retrieve.hpp>

#include "gz_file.hpp"
#include "text.hpp"

#include <algorithm>      // std::binary_search, std::min
#include <array>          // std::array
#include <charconv>       // std::from_chars
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint8_t
#include <map>            // std::map
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <utility>        // std::move
#include <vector>         // std::vector

namespace prunus_examples {

using prunus::Index;

/// A query and the documents that people found relevant to it, with their grades, at least 1.
struct judged_query {
  std::string name;
  std::vector<prunus::retrieval::query_term> terms;
  std::map<Index, int> relevant;  ///< grade of a document
};

/// Documents, turned into an index, and queries with judgements.
struct text_collection {
  std::string name;
  prunus::retrieval::inverted_index index;
  std::vector<judged_query> queries;
};

/// English words that say nothing about what a text is about.
[[nodiscard]] inline bool is_stop_word(std::string_view word) {
  static constexpr std::array<std::string_view, 74> words{
      "a",     "about", "after", "all",  "also", "an",    "and",   "any",  "are",   "as",
      "at",    "be",    "been",  "but",  "by",   "can",   "could", "did",  "do",    "does",
      "each",  "for",   "from",  "had",  "has",  "have",  "how",   "i",    "if",    "in",
      "into",  "is",    "it",    "its",  "may",  "more",  "most",  "no",   "not",   "of",
      "on",    "or",    "other", "our",  "out",  "over",  "so",    "some", "such",  "than",
      "that",  "the",   "their", "them", "then", "there", "these", "they", "this",  "those",
      "to",    "up",    "upon",  "was",  "we",   "were",  "what",  "when", "where", "which",
      "while", "who",   "will",  "with"};
  return std::binary_search(words.begin(), words.end(), word);
}

/// An English word without the s of its plural, by three rules (the S stemmer of D. Harman, "How
/// effective is suffixing?", JASIS 42(1), 1991).
[[nodiscard]] inline std::string singular(std::string word) {
  const auto ends = [&](std::string_view end) {
    return word.size() > end.size() && std::string_view(word).ends_with(end);
  };
  if (ends("ies")) {
    if (!ends("eies") && !ends("aies")) word = word.substr(0, word.size() - 3) + 'y';
  } else if (ends("es")) {
    if (!ends("aes") && !ends("ees") && !ends("oes")) word.pop_back();
  } else if (ends("s") && !ends("us") && !ends("ss")) {
    word.pop_back();
  }
  return word;
}

/// Runs of letters and digits in lower case, singular, without stop words. Bytes beyond ASCII
/// separate.
[[nodiscard]] inline std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty() && !is_stop_word(word)) words.push_back(singular(word));
    word.clear();
  };
  for (const char letter : text) {
    if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9'))
      word += letter;
    else if (letter >= 'A' && letter <= 'Z')
      word += static_cast<char>(letter - 'A' + 'a');
    else
      finish();
  }
  finish();
  return words;
}

namespace detail {

[[nodiscard]] inline std::string whole_file(const std::string& path) {
  gz_file file(path);
  std::string text;
  std::size_t came = 0;
  do {
    std::array<std::uint8_t, 1 << 16> bytes;
    came = file.read_some(bytes);
    text.append(reinterpret_cast<const char*>(bytes.data()), came);
  } while (came > 0);
  return text;
}

/// The texts between `open` and `close`, in turn.
template <class Use>
void for_each_element(std::string_view text, std::string_view open, std::string_view close,
                      const std::string& path, const Use& use) {
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string_view::npos;) {
    const std::size_t begin = at + open.size(), end = text.find(close, begin);
    if (end == std::string_view::npos)
      throw prunus::file_error(prunus::errc::truncated,
                               joined(path, ": ", open, " without ", close, " behind it"));
    use(text.substr(begin, end - begin));
    at = end + close.size();
  }
}

/// The text of the first element of that kind, and what follows it.
struct element_and_rest {
  std::string_view element, rest;
};
[[nodiscard]] inline element_and_rest first_element(std::string_view text, std::string_view open,
                                                    std::string_view close,
                                                    const std::string& path) {
  const std::size_t begin = text.find(open);
  const std::size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
  if (end == std::string_view::npos)
    throw prunus::file_error(
        prunus::errc::malformed,
        joined(path, ": ", open, "...", close, " was expected in: ", text.substr(0, 60)));
  const std::size_t inside = begin + open.size();
  return {text.substr(inside, end - inside), text.substr(end + close.size())};
}

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// The next word of a line, which is taken off it.
[[nodiscard]] inline std::string_view take_word(std::string_view& line) {
  line = trimmed(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// Terms of a text, each once, with how often it occurs there; unknown words are left out.
[[nodiscard]] inline std::vector<prunus::retrieval::query_term> terms_of(
    std::string_view text, const std::unordered_map<std::string, Index>& vocabulary) {
  std::vector<prunus::retrieval::query_term> terms;
  std::unordered_map<Index, std::size_t> places;
  for (const std::string& word : words_of(text)) {
    const auto found = vocabulary.find(word);
    if (found == vocabulary.end()) continue;
    const auto [place, is_new] = places.emplace(found->second, terms.size());
    if (is_new)
      terms.push_back({found->second, 1});
    else
      ++terms[place->second].frequency;
  }
  return terms;
}

}  // namespace detail

/// Reads a collection in the format of TREC: doc-text.trec (DOC elements with a DOCNO), a file of
/// queries query-text.trec (top elements with num and title) and qrels (query, anything, document,
/// grade a line; grades below 1 are not relevant). Plain or gzip-compressed.
/// @throws prunus::file_error cannot_open, truncated, malformed: an element that is missing, a
///         judgement of an unknown document or query
[[nodiscard]] inline text_collection read_text_collection(const std::string& folder) {
  text_collection result;
  result.name = folder;
  std::unordered_map<std::string, Index> vocabulary, documents;

  const std::string texts_path = folder + "/doc-text.trec";
  const std::string texts = detail::whole_file(texts_path);
  prunus::retrieval::index_builder builder;
  std::vector<Index> tokens;
  detail::for_each_element(texts, "<DOC>", "</DOC>", texts_path, [&](std::string_view document) {
    const auto [name, text] = detail::first_element(document, "<DOCNO>", "</DOCNO>", texts_path);
    const auto number = static_cast<Index>(documents.size());
    if (!documents.emplace(detail::trimmed(name), number).second)
      throw prunus::file_error(prunus::errc::malformed,
                               joined(texts_path, ": document ", name, " is there twice"));
    tokens.clear();
    for (const std::string& word : words_of(text))
      tokens.push_back(
          vocabulary.emplace(word, static_cast<Index>(vocabulary.size())).first->second);
    builder.add(tokens);
  });
  result.index = std::move(builder).build();

  const std::string queries_path = folder + "/query-text.trec";
  const std::string queries = detail::whole_file(queries_path);
  std::unordered_map<std::string, std::size_t> places;
  detail::for_each_element(queries, "<top>", "</top>", queries_path, [&](std::string_view topic) {
    const auto [name, rest] = detail::first_element(topic, "<num>", "</num>", queries_path);
    const auto title = detail::first_element(rest, "<title>", "</title>", queries_path).element;
    places.emplace(detail::trimmed(name), result.queries.size());
    result.queries.push_back(
        {std::string(detail::trimmed(name)), detail::terms_of(title, vocabulary), {}});
  });

  const std::string judgements_path = folder + "/qrels";
  const std::string judgements = detail::whole_file(judgements_path);
  for (std::string_view rest = judgements; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (detail::trimmed(line).empty()) continue;
    const std::string_view whole = line;
    const auto query = places.find(std::string(detail::take_word(line)));
    (void)detail::take_word(line);
    const auto document = documents.find(std::string(detail::take_word(line)));
    const std::string_view grade_text = detail::take_word(line);
    int grade = 0;
    const bool number =
        std::from_chars(grade_text.data(), grade_text.data() + grade_text.size(), grade).ec ==
        std::errc{};
    if (query == places.end() || document == documents.end() || !number)
      throw prunus::file_error(
          prunus::errc::malformed,
          joined(judgements_path,
                 ": a line of query, 0, document and grade was expected, got: ", whole));
    if (grade > 0) result.queries[query->second].relevant[document->second] = grade;
  }
  return result;
}

}  // namespace prunus_examples
