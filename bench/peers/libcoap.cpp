// libcoap: confirmable POSTs over UDP, repeated until they are answered: of all these the closest to holler
// in kind. CoAP allows one outstanding question (NSTART) unless one knows the network; here it is told how
// many are wanted, and that the network is near (ACK_TIMEOUT). It shows no descriptor, so its receive buffers
// keep the system's size.

#include <coap3/coap.h>
#include <cstring>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "asked.hpp"
#include "common.hpp"
#include "libcoap_asking.hpp"

namespace {

using peers::Options;

constexpr unsigned kMessageBytes = 1400;  // a datagram's worth; libcoap reads no larger ones
constexpr std::size_t kHeaderBytes = 32;
constexpr const char* kPath = "echo";
constexpr coap_fixed_point_t kAckTimeout{1,
                                         0};  // the least that libcoap 4.3.1 takes: it ignores a shorter one

coap_address_t address_of(const Options& options) {
  coap_address_t address;
  coap_address_init(&address);
  address.addr.sin = peers::socket_address(options);
  address.size = sizeof(sockaddr_in);
  return address;
}

/// Of all the sockets there are: the library keeps its own to itself.
void enlarge_receive_buffers() {
  constexpr int kDescriptorsMost = 8192;
  for (int descriptor = 3; descriptor < kDescriptorsMost; ++descriptor) {
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &peers::kReceiveBufferBytes,
                 sizeof peers::kReceiveBufferBytes);
  }
}

void answer(coap_resource_t* /*resource*/, coap_session_t* /*session*/, const coap_pdu_t* request,
            const coap_string_t* /*query*/, coap_pdu_t* response) {
  std::size_t size = 0;
  const std::uint8_t* data = nullptr;
  (void)coap_get_data(request, &size, &data);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
  if (coap_add_data(response, size, data) == 0)
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
}

int serve(const Options& given) {
  if (given.spin) return peers::cannot("its loop waits for events, or looks once for each timer");
  Options options = given;
  if (options.port == 0) {  // it does not tell which port the system chose
    const int descriptor = peers::bound_socket(peers::socket_address(options));
    options.port = peers::port_of(descriptor);
    ::close(descriptor);
  }
  coap_context_t* context = coap_new_context(nullptr);
  const coap_address_t at = address_of(options);
  coap_endpoint_t* endpoint = context == nullptr ? nullptr : coap_new_endpoint(context, &at, COAP_PROTO_UDP);
  if (endpoint == nullptr) peers::give_up("coap_new_endpoint", "failed");
  enlarge_receive_buffers();
  coap_endpoint_set_default_mtu(endpoint, kMessageBytes);
  coap_resource_t* resource = coap_resource_init(coap_make_str_const(kPath), 0);
  coap_register_request_handler(resource, COAP_REQUEST_POST, answer);
  coap_add_resource(context, resource);
  peers::say_ready(options.port);
  for (;;) {
    if (coap_io_process(context, COAP_IO_WAIT) < 0) peers::give_up("coap_io_process", "failed");
  }
}

class Load {
 public:
  explicit Load(const Options& options) : options_{options}, asked_{options}, meter_{options} {
    context_ = coap_new_context(nullptr);
    if (context_ == nullptr) peers::give_up("coap_new_context", "failed");
    coap_register_response_handler(context_, answered);
    coap_register_nack_handler(context_, given_up);
    const coap_address_t to = address_of(options);
    clients_.reserve(options.clients);  // each session points to its own
    for (std::size_t i = 0; i < options.clients; ++i) {
      coap_session_t* session = coap_new_client_session(context_, nullptr, &to, COAP_PROTO_UDP);
      if (session == nullptr) peers::give_up("coap_new_client_session", "failed");
      coap_session_set_mtu(session, kMessageBytes);
      coap_session_set_nstart(session, static_cast<std::uint16_t>(options.outstanding));
      coap_session_set_ack_timeout(session, kAckTimeout);
      clients_.push_back({this, i});
      coap_session_set_app_data(session, &clients_.back());
      sessions_.push_back(session);
    }
    enlarge_receive_buffers();
  }

  int run() {
    for (std::size_t client = 0; client < sessions_.size(); ++client) {
      for (std::size_t place = 0; place < options_.outstanding; ++place) ask(client, place);
    }
    for (std::uint64_t now = peers::now_ns(); meter_.go_on(now); now = peers::now_ns()) {
      if (coap_io_process(context_, 20) < 0) peers::give_up("coap_io_process", "failed");
    }
    return meter_.report();
  }

 private:
  struct Client {
    Load* load;
    std::size_t number;
  };
  static Client& client_of(const coap_session_t* session) {
    return *static_cast<Client*>(coap_session_get_app_data(session));
  }
  static coap_response_t answered(coap_session_t* session, const coap_pdu_t* /*sent*/,
                                  const coap_pdu_t* received, const coap_mid_t /*message*/) {
    std::size_t size = 0;
    const std::uint8_t* data = nullptr;
    (void)coap_get_data(received, &size, &data);
    const auto [load, client] = client_of(session);
    const std::uint64_t now = peers::now_ns();
    const auto place =
        load->asked_.answered_once(load->meter_, std::as_bytes(std::span{data, size}), client, now);
    // Also here, because its loop does not return while answers keep coming.
    if (place && load->meter_.go_on(now)) load->ask(client, *place);
    return COAP_RESPONSE_OK;
  }
  static void given_up(coap_session_t* session, const coap_pdu_t* sent, const coap_nack_reason_t /*reason*/,
                       const coap_mid_t /*message*/) {
    std::size_t size = 0;
    const std::uint8_t* data = nullptr;
    if (sent == nullptr || coap_get_data(sent, &size, &data) == 0) return;
    const auto [load, client] = client_of(session);
    load->meter_.lost(1);
    load->ask(client, peers::Asked::place_of(std::as_bytes(std::span{data, size})));
  }
  void ask(std::size_t client, std::size_t place) {
    coap_session_t* session = sessions_[client];
    coap_pdu_t* pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, session);
    std::uint8_t token[8];
    std::size_t token_bytes = 0;
    coap_session_new_token(session, &token_bytes, token);
    const auto bytes = asked_.write(client, place, peers::now_ns());
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (pdu == nullptr || coap_add_token(pdu, token_bytes, token) == 0 ||
        coap_add_option(pdu, COAP_OPTION_URI_PATH, std::strlen(kPath),
                        reinterpret_cast<const std::uint8_t*>(kPath)) == 0 ||
        coap_add_data(pdu, bytes.size(), data) == 0 || coap_send(session, pdu) == COAP_INVALID_MID)
      peers::give_up("coap_send", "failed");
  }

  Options options_;
  coap_context_t* context_ = nullptr;
  std::vector<coap_session_t*> sessions_;
  std::vector<Client> clients_;
  peers::Asked asked_;
  peers::Meter meter_;
};

int load(const Options& options) {
  if (options.spin) return peers::cannot("its loop waits for events, or looks once for each timer");
  if (options.bytes + kHeaderBytes > kMessageBytes)
    return peers::cannot(
        "a message is one datagram of 1,472 bytes at most; more goes block by block, one body at a time");
  return Load{options}.run();
}

int ask(const Options& options) { return peers::ask_by_libcoap(options, kPath); }

}  // namespace

int main(int count, char** values) {
  coap_startup();
  coap_set_log_level(LOG_EMERG);
  return peers::run(
      count, values,
      {"peer_libcoap", coap_package_version(), {peers::kCoapStandard, peers::kCoapNear}, serve, load, ask});
}
