# Orchestra is on this machine, where a proxy cannot reach it. So requests to Orchestra and to the container itself
# bypass the proxy, whatever set it (Docker's configuration, the image, the profile).
if [ -n "${http_proxy-}${HTTP_PROXY-}${https_proxy-}${HTTPS_PROXY-}${all_proxy-}${ALL_PROXY-}" ]; then
  orchestra_host=${ORCHESTRA_MCP_URL#http://}
  past=${no_proxy-}
  [ "${NO_PROXY-}" = "$past" ] || past=${past:+$past,}${NO_PROXY-}
  no_proxy=${past:+$past,}localhost,127.0.0.1,::1,host.docker.internal,${orchestra_host%%:*}
  NO_PROXY=$no_proxy
  export no_proxy NO_PROXY
fi
