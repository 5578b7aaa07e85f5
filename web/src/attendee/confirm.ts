import { api } from '../shared/api';
import type { Wire } from '../wire';

/** What WeChat puts into the pages that it shows. */
interface Bridge {
  invoke(name: string, values: Record<string, unknown>, answer: (said: { err_msg?: string }) => void): void;
}

/** What came of asking: whether it was paid, only the payer knows. */
export type Shown = 'shown' | 'left' | 'failed' | 'outside';

const NAME = 'requestMerchantTransfer';
/** WeChat's bridge comes a moment after the page, or never: this is another browser. */
const BRIDGE_MS = 3000;

function bridge(): Promise<Bridge | null> {
  const ready = (): Bridge | null => (window as { WeixinJSBridge?: Bridge }).WeixinJSBridge ?? null;
  const there = ready();
  if (there || !navigator.userAgent.includes('MicroMessenger')) return Promise.resolve(there);
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      resolve(ready());
    };
    const timer = setTimeout(end, BRIDGE_MS);
    document.addEventListener('WeixinJSBridgeReady', end, { once: true });
  });
}

const invoke = (to: Bridge, name: string, values: Record<string, unknown>): Promise<string> =>
  new Promise((resolve) => {
    to.invoke(name, values, (said) => resolve(said.err_msg ?? ''));
  });

/** What `wx.config` of WeChat's script would tell the bridge; our pages load no script from elsewhere. */
async function signed(): Promise<Record<string, unknown>> {
  const [url] = location.href.split('#');
  const page = await api.get<Wire['JsSdk']>('/api/official/jssdk', { query: { url } });
  return {
    appId: page.app_id,
    verifyAppId: page.app_id,
    verifySignType: 'sha1',
    verifyTimestamp: String(page.timestamp),
    verifyNonceStr: page.nonce,
    verifySignature: page.signature,
  };
}

/** Opens WeChat's own page where a transfer is confirmed. */
export async function confirmInWeChat(waiting: Wire['MyConfirm']): Promise<Shown> {
  const found = await bridge();
  if (!found) return 'outside';
  try {
    await invoke(found, 'preVerifyJSAPI', { ...(await signed()), verifyJsApiList: [NAME] });
  } catch {
    // Without a signature of the page WeChat decides by itself whether it opens.
  }
  const { mch_id: mchId, app_id: appId, package: ticket } = waiting;
  const said = await invoke(found, NAME, { mchId, appId, package: ticket });
  if (said.endsWith(':ok')) return 'shown';
  return said.endsWith(':cancel') ? 'left' : 'failed';
}
