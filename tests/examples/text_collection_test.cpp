// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/effectiveness.hpp>
#include <examples/support/generated_collection.hpp>
#include <examples/support/text_collection.hpp>

#include <cmath>   // std::log2
#include <map>     // std::map
#include <string>  // std::string
#include <vector>  // std::vector

using prunus::errc;
using prunus::Index;
using prunus_examples::read_text_collection;
using prunus_examples::singular;
using prunus_examples::text_collection;
using prunus_examples::words_of;
using prunus_examples::write_file;

namespace {

const std::string documents =
    "<DOC>\n<DOCNO>7</DOCNO>\nWaves of light\n</DOC>\n"
    "<DOC>\n<DOCNO> 9 </DOCNO>\nlight light switch\n</DOC>\n";
const std::string queries =
    "<top>\n<num>1</num><title>\nTHE LIGHT SWITCHES LIGHT UNKNOWN\n</title>\n</top>\n";
const std::string judgements = "1 0 9 1\n1 0 7 0\n";

// Reads a collection of these files.
errc error_of(const std::string& texts, const std::string& topics, const std::string& qrels) {
  const temporary_folder folder("collection");
  write_file(folder / "doc-text.trec", texts);
  write_file(folder / "query-text.trec", topics);
  write_file(folder / "qrels", qrels);
  return file_error_of([&] { return read_text_collection(folder.path()); });
}

}  // namespace

TEST_CASE("words are runs of letters and digits, singular, without stop words",
          "[examples][text_collection]") {
  CHECK(words_of("The x-rays, of 2 WAVES\tand it") ==
        std::vector<std::string>{"x", "ray", "2", "wave"});
  CHECK(words_of("").empty());
  CHECK(singular("frequencies") == "frequency");
  CHECK(singular("switches") == "switche");  // three rules, no dictionary
  CHECK(singular("circuits") == "circuit");
  CHECK(singular("gas") == "ga");
  CHECK(singular("radius") == "radius");
  CHECK(singular("loss") == "loss");
  CHECK(singular("shoes") == "shoes");
  CHECK(singular("s") == "s");
}

TEST_CASE("a collection in the format of TREC is read", "[examples][text_collection]") {
  const temporary_folder folder("collection");
  write_file(folder / "doc-text.trec", documents);
  write_file(folder / "query-text.trec", queries);
  write_file(folder / "qrels", judgements);
  const text_collection texts = read_text_collection(folder.path());
  CHECK(texts.index.collection().documents == 2);
  CHECK(texts.index.collection().tokens == 5);
  CHECK(texts.index.length(1) == 3);
  REQUIRE(texts.queries.size() == 1);
  CHECK(texts.queries[0].name == "1");
  REQUIRE(texts.queries[0].terms.size() == 1);  // "switche" is in no document
  CHECK(texts.queries[0].terms[0].frequency == 2);
  CHECK(texts.index.statistics(texts.queries[0].terms[0].term).occurrences == 3);
  CHECK(texts.queries[0].relevant == std::map<Index, int>{{1, 1}});
}

TEST_CASE("files that are no collection are refused", "[examples][text_collection]") {
  CHECK(error_of("<DOC><DOCNO>1</DOCNO> a light", queries, "") == errc::truncated);
  CHECK(error_of("<DOC>a light</DOC>", queries, "") == errc::malformed);
  CHECK(error_of(documents + documents, queries, "") == errc::malformed);
  CHECK(error_of(documents, "<top><num>1</num></top>", "") == errc::malformed);
  CHECK(error_of(documents, queries, "2 0 9 1\n") == errc::malformed);
  CHECK(error_of(documents, queries, "1 0 8 1\n") == errc::malformed);
  CHECK(error_of(documents, queries, "1 0 9\n") == errc::malformed);
  CHECK(file_error_of([] { return read_text_collection("/nowhere"); }) == errc::cannot_open);
}

TEST_CASE("large files of nothing, and of one query, are read in one pass",
          "[examples][text_collection]") {
  const temporary_folder folder("collection");
  std::string many_words;
  for (int word = 0; word < 30'000; ++word) many_words += "w" + std::to_string(word) + "x ";
  write_file(folder / "doc-text.trec", "<DOC><DOCNO>9</DOCNO>" + many_words + "</DOC>");
  write_file(folder / "query-text.trec",
             "<top><num>1</num><title>" + many_words + "</title></top>");
  // Work that grew with the square of the file would take an hour.
  const std::string blank(400'000, '\n');
  write_file(folder / "qrels", blank + "1 0 9 2" + blank + " \r\n" + blank);
  const text_collection texts = read_text_collection(folder.path());
  REQUIRE(texts.queries.size() == 1);
  CHECK(texts.queries[0].terms.size() == 30'000);
  CHECK(texts.queries[0].relevant == std::map<Index, int>{{0, 2}});
}

TEST_CASE("average precision and gain are those worked out by hand",
          "[examples][text_collection]") {
  using prunus_examples::average_precision;
  using prunus_examples::ndcg;
  const std::vector<prunus::ranked_item> found{{4, 9.0}, {1, 8.0}, {6, 7.0}, {2, 6.0}};
  const std::map<Index, int> relevant{{4, 1}, {6, 2}, {8, 1}};
  CHECK_THAT(average_precision(found, relevant),
             Catch::Matchers::WithinAbs((1 + 2.0 / 3) / 3, 1e-12));
  const double best = 2 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  CHECK_THAT(ndcg(found, relevant, 10),
             Catch::Matchers::WithinAbs((1 + 2 / std::log2(4.0)) / best, 1e-12));
  CHECK_THAT(ndcg(found, relevant, 2),
             Catch::Matchers::WithinAbs(1 / (2 + 1 / std::log2(3.0)), 1e-12));
  CHECK(average_precision(found, {}) == 0);
  CHECK(ndcg({}, relevant, 10) == 0);
}

TEST_CASE("means are over the queries with judgements", "[examples][text_collection]") {
  using prunus_examples::judged_query;
  using prunus_examples::mean_over_judged;
  const std::vector<judged_query> queries{
      {"unjudged", {}, {}}, {"1", {}, {{4, 1}}}, {"2", {}, {{5, 1}}}, {"unjudged", {}, {}}};
  std::vector<std::size_t> asked;
  const double mean = mean_over_judged(queries, [&](const judged_query&, std::size_t q) {
    asked.push_back(q);
    return q == 1 ? 0.5 : 0.25;
  });
  CHECK(mean == 0.375);
  CHECK(asked == std::vector<std::size_t>{1, 2});
  const std::vector<judged_query> none(3);
  CHECK(mean_over_judged(none, [](const judged_query&, std::size_t) { return 1.0; }) == 0);
}

TEST_CASE("generated documents have queries that find something", "[examples][text_collection]") {
  const text_collection texts = prunus_examples::generate_collection(400, 5);
  CHECK(texts.index.collection().documents == 400);
  REQUIRE(texts.queries.size() == 5);
  for (const auto& query : texts.queries) {
    CHECK(query.terms.size() >= 4);
    CHECK(query.relevant.size() >= 5);
  }
}
