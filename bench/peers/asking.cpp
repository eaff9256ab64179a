#include "asking.hpp"

#include <cstdio>
#include <cstring>

namespace peers {

namespace {

constexpr std::uint64_t kMicrosecond = 1000;

template <class Records, class Print>
void print_list(const char* name, const Records& records, Print print) {
  std::printf("\"%s\": [", name);
  const char* between = "";
  for (const auto& record : records) {
    std::fputs(between, stdout);
    print(record);
    between = ", ";
  }
  std::fputs("], ", stdout);
}

void print_number(std::uint64_t number) { std::printf("%llu", static_cast<unsigned long long>(number)); }

}  // namespace

Asking::Asking(const Options& options)
    : questions_{options.questions},
      began_{now_ns()},
      asking_ends_{began_ + static_cast<std::uint64_t>(options.seconds * 1e9)},
      payload_(options.bytes) {
  records_.reserve(questions_);
}

std::span<const std::byte> Asking::next() {
  const std::uint64_t now = now_ns();
  if (records_.size() == questions_ || now >= asking_ends_) return {};
  records_.push_back({.asked = now});
  const Header header{now, number()};
  std::memcpy(payload_.data(), &header, sizeof header);
  return payload_;
}

std::uint32_t Asking::number_of(std::span<const std::byte> bytes) const {
  Header header{};
  if (bytes.size() != payload_.size()) give_up("ask", "an answer of another size");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.number >= records_.size() || records_[header.number].asked != header.when)
    give_up("ask", "an answer to no question that was asked");
  return header.number;
}

bool Asking::answered(std::span<const std::byte> bytes) {
  Record& record = records_[number_of(bytes)];
  if (record.ended) return false;
  record.answered = true;
  record.took = now_ns() - record.asked;
  end(record);
  return true;
}

void Asking::given_up(std::uint32_t number) {
  if (!records_[number].ended) end(records_[number]);
}

void Asking::end(Record& record) {
  record.ended = true;
  record.repeats = repeated_;
  ++ended_;
}

bool Asking::over() const {
  const std::uint64_t now = now_ns();
  if (now >= asking_ends_ + kPatience) return true;
  return ended_ == records_.size() && (ended_ == questions_ || now >= asking_ends_);
}

int Asking::report() const {
  std::printf("{\"began\": %llu, ", static_cast<unsigned long long>(began_));
  print_list("asked", records_,
             [this](const Record& record) { print_number((record.asked - began_) / kMicrosecond); });
  print_list("took", records_, [](const Record& record) {
    if (record.answered) return print_number(record.took / kMicrosecond);
    std::fputs("null", stdout);
  });
  print_list("repeats", records_,
             [this](const Record& record) { print_number(record.ended ? record.repeats : repeated_); });
  std::printf("\"repeated\": %llu}\n", static_cast<unsigned long long>(repeated_));
  std::fflush(stdout);
  return 0;
}

}  // namespace peers
