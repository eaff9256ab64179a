// libcoap: confirmable messages over UDP, repeated until they are acknowledged; the answer comes in the
// acknowledgement.

#include <coap3/coap.h>
#include <unistd.h>

#include "common.hpp"
#include "libcoap_asking.hpp"

namespace {

using peers::Options;

constexpr const char* kResource = "echo";

void answer(coap_resource_t*, coap_session_t*, const coap_pdu_t* request, const coap_string_t*,
            coap_pdu_t* response) {
  std::size_t size = 0;
  const std::uint8_t* data = nullptr;
  coap_get_data(request, &size, &data);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
  if (coap_add_data(response, size, data) == 0) peers::give_up("coap_add_data", "failed");
}

/// A port that is free: libcoap does not tell which one it was given.
std::uint16_t port_for(const Options& options) {
  if (options.port != 0) return options.port;
  const int probe = peers::bound_socket(peers::socket_address(options));
  const std::uint16_t port = peers::port_of(probe);
  ::close(probe);
  return port;
}

int serve(const Options& options) {
  coap_startup();
  Options at = options;
  at.port = port_for(options);
  coap_address_t address;
  coap_address_init(&address);
  address.size = sizeof address.addr.sin;
  address.addr.sin = peers::socket_address(at);
  coap_context_t* context = coap_new_context(nullptr);
  if (context == nullptr || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == nullptr)
    peers::give_up("coap_new_endpoint", "failed");
  coap_resource_t* resource = coap_resource_init(coap_make_str_const(kResource), 0);
  coap_register_handler(resource, COAP_REQUEST_POST, answer);
  coap_add_resource(context, resource);
  peers::say_ready(at.port);
  for (;;) {
    if (coap_io_process(context, COAP_IO_WAIT) < 0) peers::give_up("coap_io_process", "failed");
  }
}

int load(const Options&) { return peers::cannot("not measured here yet"); }
int ask(const Options& options) { return peers::ask_by_libcoap(options, kResource); }

}  // namespace

int main(int count, char** values) {
  return peers::run(
      count, values,
      {"peer_libcoap", coap_package_version(), {peers::kCoapStandard, peers::kCoapNear}, serve, load, ask});
}
